"""The made-up world of the sandbox: who is who, and the deals that its seeds are made of."""

from __future__ import annotations

from dataclasses import dataclass

PARTNER = "Northwind Cloud Partners"
RESELLER = "Tailspin Resale"


@dataclass(frozen=True, slots=True)
class Deal:
    """What a seed takes from: a customer and what it wants."""

    company: str
    industry: str
    country: str
    state: str
    city: str
    postal_code: str
    website: str
    title: str
    problem: str
    use_case: str


DEALS = (
    Deal(
        "Harbour Logistics",
        "Transportation and Logistics",
        "US",
        "Washington",
        "Seattle",
        "98101",
        "https://harbour-logistics.example.com",
        "Harbour yard visibility",
        "Container moves are tracked on paper: yard staff lose hours each day looking for boxes.",
        "Connected Services",
    ),
    Deal(
        "Lindenhof Kliniken",
        "Healthcare",
        "DE",
        "Bayern",
        "München",
        "80331",
        "https://lindenhof.example.com",
        "Patient portal & archive",
        "Patient records live in four systems; doctors wait minutes for images from the archive.",
        "Storage & Backup",
    ),
    Deal(
        "Maple Credit Union",
        "Financial Services",
        "CA",
        "Ontario",
        "Toronto",
        "M5V 2T6",
        "https://maplecu.example.com",
        "Core ledger modernisation",
        "The core ledger runs on a mainframe whose maintenance contract ends next year.",
        "Business Applications: Mainframe Modernization",
    ),
    Deal(
        "Kestrel Games",
        "Gaming",
        "GB",
        "",
        "Leeds",
        "LS1 4AP",
        "https://kestrel.example.com",
        "Match backend: launch week",
        "Launch weekends bring ten times the players; matchmaking falls over every time.",
        "Containers & Serverless",
    ),
    Deal(
        "Andes Energía",
        "Energy - Power and Utilities",
        "PE",
        "Lima",
        "Lima",
        "15001",
        "https://andes-energia.example.com",
        "Grid forecast platform",
        "Forecasts of wind and sun are a day old when the dispatchers get them.",
        "AI Machine Learning and Analytics",
    ),
    Deal(
        "Fjord Retail",
        "Retail",
        "NO",
        "",
        "Bergen",
        "5003",
        "https://fjordretail.example.com",
        "Shop data lake",
        "Stock, tills and web shop each tell another number; nobody trusts the weekly report.",
        "Big Data: Data Warehouse / Data Integration / ETL / Data Lake / BI",
    ),
)
