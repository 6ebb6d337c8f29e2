"""The AWS Marketplace Catalog API of several seller accounts, as strict as its service model and its documentation."""
