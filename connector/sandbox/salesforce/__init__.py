"""A Salesforce org on loopback: strict where the platform is, so that what works here has a chance to work there."""

from connector.sandbox.salesforce.app import create_app
from connector.sandbox.salesforce.org import Org

__all__ = ["Org", "create_app"]
