# Varnish (6.6 or newer, with varnish-modules) in front of Domicile edges. On the edge:
#
#   [edge.cdn]
#   kind = "varnish"
#   secret = "change-me-change-me"
#
# Purge at Domicile first, then here, by the opaque tags:   curl -X PURGE -H 'xkey: TAG TAG' http://127.0.0.1:6081/
# What Domicile was sending at that moment it has cut off, and Varnish keeps nothing that was cut off.
vcl 4.1;

import xkey;

backend domicile {
    .host = "127.0.0.1";
    .port = "8080";
    .connect_timeout = 2s;
    .first_byte_timeout = 90s;
    .between_bytes_timeout = 20s;
}

acl purgers {
    "localhost";
}

sub vcl_recv {
    unset req.http.Domicile-CDN-Secret;
    if (req.method == "PURGE") {
        if (client.ip !~ purgers) {
            return (synth(405, "Not allowed"));
        }
        if (!req.http.xkey) {
            return (synth(400, "No tag"));
        }
        set req.http.Purged = xkey.purge(req.http.xkey);
        return (synth(200, "Purged " + req.http.Purged));
    }
    # Domicile reads no cookie, and no query of a delivery URL but a token and what belongs to a remote address: one copy for
    # all the others.
    if (req.url !~ "/fetch/|[?&]__cld_token__=") {
        set req.url = regsub(req.url, "\?.*$", "");
    }
    unset req.http.Cookie;
    # f_auto looks for these two in Accept, and for nothing else.
    if (req.http.Accept ~ "image/avif") {
        set req.http.Accept = "image/avif,image/webp";
    } elsif (req.http.Accept ~ "image/webp") {
        set req.http.Accept = "image/webp";
    } else {
        set req.http.Accept = "*/*";
    }
}

sub vcl_backend_fetch {
    set bereq.http.Domicile-CDN-Secret = "change-me-change-me";
    if (bereq.http.CDN-Loop) {
        set bereq.http.CDN-Loop = bereq.http.CDN-Loop + ", varnish";
    } else {
        set bereq.http.CDN-Loop = "varnish";
    }
}

sub vcl_backend_response {
    # Not a second longer than Domicile said, and nothing of a copy whose time is over, not even by way of a 304.
    set beresp.grace = 0s;
    set beresp.keep = 0s;
}

sub vcl_deliver {
    if (obj.hits > 0) {
        set resp.http.X-Cache = "HIT";
    } else {
        set resp.http.X-Cache = "MISS";
    }
    unset resp.http.xkey;
}
