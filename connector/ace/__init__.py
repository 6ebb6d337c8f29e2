"""What AWS calls an opportunity and a lead: catalogue, canonical record, shapes, rules. Pure."""
