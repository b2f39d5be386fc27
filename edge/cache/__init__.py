"""A general HTTP cache, decided without touching a byte: RFC 9110, 9111, 9211, 9213, 5861 and 8586, one subject a file.

    request + what is stored + now  ->  reuse.decide      hit, stale and refreshed behind, to be validated, miss
    request + response              ->  storable          may it be kept, for how long (freshness), for whom (vary)
    stored + 304 or HEAD            ->  validate          the stored response, brought up to date
    206, pieces of a response       ->  partial           what they may answer, and when they are the whole
    unsafe request + response       ->  invalidate        which stored responses are no longer true

Nothing here knows sockets, tasks, pictures or tenants, and the time is always an argument, in seconds of the wall clock.
"""
