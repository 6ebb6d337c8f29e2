"""The embedded default: a Salesforce org and Partner Central on loopback."""
