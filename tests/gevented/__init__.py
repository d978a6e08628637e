"""The behaviours of Locust's FastHttpUser, checked of PerfHttpUser against a real server.

The checks run in a process of their own, since Locust patches the standard library there. They
are the list of its own test suite, by subject: plain requests, failures by status, redirects (slow,
of POST), cookies, all methods, JSON, headers and the request that was sent, names and groups, query
variables, `catch_response` in all its orders, context, streaming, content without length, absolute
URLs, basic authentication, custom TLS contexts, abstract classes, errors of the connection.

Where PerfHttpUser differs, and why:
- certificates are verified unless `insecure` is set: a load test should meet what users meet;
- `network_timeout` bounds a whole answer: a dribbling server must not hold a user for ever;
- `error` is a counted fault (`connection refused`), not a bare socket error: kinds must be few;
- a streamed request is recorded when its content ends, so that its time and its faults are true;
- a request marked for `catch_response` and never entered, or left by another exception, is
  recorded; FastHttpUser loses it;
- files, proxies, client pools and retries by count are refused, not ignored;
- so is `catch_response` of a stream: its sample ends with its content, before any verdict on it;
- and so are header fields that would break the request;
- `response.request.body` is the bytes that were sent, of text and JSON too;
- a user opens as many connections as it has requests at once, not `concurrency` (ten) at most;
- `--html`, `--csv` and the pages count in batches, a quarter of a second late at most.
"""
