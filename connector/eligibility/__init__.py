"""Which records are due: the Salesforce formula language and the rules. Pure."""
