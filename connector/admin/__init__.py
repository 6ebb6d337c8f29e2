"""How people steer the connector: the command line."""
