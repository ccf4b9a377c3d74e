"""What does a node disclose out of the box? The policy that ``init`` writes.

It is text, because the person is meant to read and change it. Spec: ARCHITECTURE.md, "The door", 5.
"""

from __future__ import annotations

CLOSED = """\
# Who may see what. Whatever no rule shows is hidden, and where a rule hides, no rule shows; their order
# does not matter. A rule says to whom, of what, and which fields of which view:
#
#   [[rule]]
#   name = "friends-see-pictures"                      # the ledger names rules by it
#   to = ["group:friends"]
#   items = ["label:holiday", "media:image/*"]
#   show.openings = ["name", "size_class"]             # or "*", every field of the view
#   hide.openings = ["mtime"]
#   when = ["2026-01-01..2026-06-30", "mon-fri 08:00-18:00 +02:00"]
#   limit.per_minute = 10                              # for each peer
#
#   to     "anyone", "peer:<peer ID>", "group:<name>", "members" (of any private network),
#          "members:<network ID>", "role:<role>", "role:<role>@<network ID>", "dht-servers",
#          "dht-servers:<network ID>" (those who route), "link-holders", "link:<name>"
#   items  "share:<manifest CID>", "label:<label>" choose shares, "newer:30d", "older:30d" by their age;
#          "path:<glob>", "media:<glob>", "smaller:5MiB", "larger:5MiB" choose entries in them (docs/**
#          is all below docs, *.key that name in any folder, and what is hidden hides all below it). Words
#          of one kind are alternatives, the kinds narrow each other. Without items: all.
#   limit  limit.per_minute (decisions), limit.octets_per_day = "1GiB", limit.items_per_day
#
# Coarser fields tell less: "extension" than "name", "size_class" than "size", "mtime_day" and
# "mtime_month" than "mtime", "private_addrs" than "listen_addrs" and "addrs".
#
# A group names peers:    [groups]
#                         friends = ["peer:<peer ID>", "group:<name>"]
# A policy tests itself:  [[expect]]
#                         as = "group:friends"
#                         item = ["label:holiday", "path:a.png", "media:image/png"]
#                         hidden = ["openings.mtime"]
#
# `peertransfer policy check FILE` tests a change, SIGHUP or `policy reload` takes it. All words are in
# docs/policy.md, all views and fields in docs/disclosure.md.
version = 1

# Whoever proves that it holds a link gets what is behind it: names, sizes, octets. Add "mtime",
# "media_type", "labels", "share_purpose" or "share_basis" to openings to tell more.
[[rule]]
name = "link-holders-fetch"
to = ["link-holders"]
show.manifest = ["octets"]
show.openings = ["share_title", "kind", "content", "name", "folder", "size", "executable"]
show.content = ["octets"]
show.grant = ["proof", "until"]

# Members of a private network find each other: this host's addresses and those of peers it knows,
# the protocols it speaks, and who provides a locator that they ask for.
[[rule]]
name = "members-connect"
to = ["members"]
show.addresses = ["listen_addrs", "closer_peers"]
show.protocols = ["protocol_ids"]
show.provide = ["provider_records"]

# Those who serve a private network's DHT, and whoever asks it, learn blind locators, no names or CIDs.
[[rule]]
name = "dht-servers-route"
to = ["dht-servers"]
show.provide = ["locator", "addrs"]
show.lookup = ["key"]

# A stranger gets a greeting, and a no that is the same for every reason. A want is what you ask of a
# peer when you run `get`; only who proves that it holds the link too learns which parts follow.
[[rule]]
name = "anyone-greet-and-ask"
to = ["anyone"]
show.protocols = ["hello"]
show.refusal = ["code"]
show.want = ["locator", "proof", "requests", "delivered"]

# One more, as an example: keep key files from everyone, in every share.
# [[rule]]
# name = "no-keys"
# to = ["anyone"]
# items = ["path:*.key"]
# hide.openings = ["*"]
# hide.content = ["*"]
"""
