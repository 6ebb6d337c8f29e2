"""AWS Marketplace: what seller accounts have there, kept as rows in Salesforce."""
