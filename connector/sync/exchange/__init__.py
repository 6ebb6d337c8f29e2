"""Opportunities and leads that travel as files of the ACE bucket."""
