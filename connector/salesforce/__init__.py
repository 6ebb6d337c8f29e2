"""The door to Salesforce: the only room that knows simple-salesforce."""
