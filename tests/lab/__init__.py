"""A bad network for tests: a client's namespace, a server's, and a link in user space between them.

Everything that a client sends passes the link (`link`), which loses, delays, reorders and doubles packets, keeps a rate
or is dark (`line`), puts a NAT in front of the client (`nat`), and counts what it passed by kind of packet, so that a
test knows what arrived. `lab` starts and commands it, `call` puts a media node and callers at its ends, `flood` sends a
stranger's datagrams. It carries 2 500 packets a second with a quarter of a core, and begins within a fifth of a second.

By hand, as root:

    python -m tests.lab --loss=0.05 --delay-s=0.05 --jitter-s=0.02

It prints how to enter both namespaces, and what passed once a second. In one terminal a server, in another a client:

    nsenter --net=PATH_OF_SERVER liveconvo up --host 10.77.1.2 --port 8080 --data-dir /tmp/lab
    nsenter --net=PATH_OF_CLIENT liveconvo call --url http://10.77.1.2:8080 --token TOKEN speech.wav

with LIVECONVO_PUBLIC_ORIGIN=http://10.77.1.2:8080 and LIVECONVO_ICE_ADDRESSES=10.77.1.2 for the server. Both namespaces
are gone with the last process that is in them.
"""
