"""The Search API's language: expressions, what they ask of which field, and how a record looks to them. Pure."""
