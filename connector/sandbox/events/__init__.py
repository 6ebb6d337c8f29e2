"""EventBridge with an API destination, played from a CloudFormation template: rules, transformers, delivery."""

from connector.sandbox.events.forwarder import Forwarder

__all__ = ["Forwarder"]
