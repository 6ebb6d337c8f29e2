"""How one org's Salesforce fields become ACE fields, and back. Pure."""
