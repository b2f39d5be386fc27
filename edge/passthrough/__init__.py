"""A plain HTTP cache in front of another origin, for assets without personal data: stylesheets, scripts, fonts, logos.

Off unless `edge.passthrough.routes` names a listening address and an origin. It knows no tenant, no lease and no purge, and
personal media never goes through it: that nothing behind it is personal is the operator's statement (docs/adr/0020). The
rules are those of `edge.cache`; here is what waits, streams and keeps.
"""
