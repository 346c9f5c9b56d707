"""What the proxies are started with. Each is two processes in a row, which differ in where they listen and whom they ask:

    client -> 127.0.0.1:EDGE -> Unix socket -> 127.0.0.1:UPSTREAM

The configurations are those of somebody who knows the program and wants it fast here: one worker, connections kept on all
sides, no access log, nothing written to disk, bodies passed on as they come, and the X-Forwarded fields at the edge.
"""
import shutil

# Idle for longer than any measurement is, in seconds.
LONG = 3600

NGINX = """
daemon off;
worker_processes 1;
worker_rlimit_nofile {descriptors};
pid {directory}/{hop}.pid;
error_log stderr error;
events {{
    # More than there can be: when a sixteenth is left, it closes connections on which nothing came yet.
    worker_connections {slots};
    multi_accept on;
}}
http {{
    access_log off;
    client_body_temp_path {directory}/{hop}-body;
    proxy_temp_path {directory}/{hop}-proxy;
    fastcgi_temp_path {directory}/{hop}-fastcgi;
    uwsgi_temp_path {directory}/{hop}-uwsgi;
    scgi_temp_path {directory}/{hop}-scgi;
    keepalive_timeout {long}s;
    keepalive_requests 1000000000;
    client_max_body_size 0;
    tcp_nodelay on;
    map $http_upgrade $connection_upgrade {{
        default upgrade;
        ""      "";
    }}
    upstream next {{
        server {next};
        keepalive 512;
        keepalive_requests 1000000000;
        keepalive_timeout {long}s;
    }}
    server {{
        listen {listen} backlog=4096;
        proxy_http_version 1.1;
        proxy_set_header Host $http_host;
        proxy_set_header Upgrade $http_upgrade;
        proxy_set_header Connection $connection_upgrade;
        {forwarded}
        proxy_read_timeout {long}s;
        proxy_send_timeout {long}s;
        proxy_request_buffering off;
        proxy_max_temp_file_size 0;
        location / {{
            proxy_pass http://next;
        }}
        location /bulk {{
            proxy_pass http://next;
            proxy_buffering off;
            proxy_buffer_size 1m;
            proxy_buffers 8 1m;
            proxy_busy_buffers_size 2m;
            client_body_buffer_size 1m;
        }}
    }}
}}
"""
NGINX_FORWARDED = """proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
        proxy_set_header X-Forwarded-Host $http_host;
        proxy_set_header X-Forwarded-Proto $scheme;"""

HAPROXY = """
global
    nbthread 1
    maxconn {connections}
    maxpipes 16
    tune.pipesize 1048576
    tune.bufsize 65536

defaults
    mode http
    option http-keep-alive
    option splice-auto
    http-reuse always
    timeout connect 5s
    timeout client {long}s
    timeout server {long}s
    timeout tunnel {long}s
    timeout http-keep-alive {long}s
    maxconn {connections}

frontend here
    bind {listen} backlog 4096
    {forwarded}
    default_backend next

backend next
    server next {next} pool-purge-delay {long}s
"""
HAPROXY_FORWARDED = """option forwardfor
    http-request set-header X-Forwarded-Host %[req.hdr(Host)]
    http-request set-header X-Forwarded-Proto http"""

CADDY = """
{{
    admin off
    auto_https off
    log {{
        level ERROR
    }}
    servers {{
        protocols h1
    }}
}}
{site} {{
    bind {bind}
    reverse_proxy {next} {{
        transport http {{
            versions 1.1
            compression off
            keepalive {long}s
            keepalive_idle_conns 1024
            keepalive_idle_conns_per_host 1024
        }}
    }}
}}
"""

# What answers the requests: as little work as can be.
UPSTREAM = """
daemon off;
worker_processes 1;
worker_rlimit_nofile {descriptors};
pid {directory}/upstream.pid;
error_log stderr error;
events {{
    worker_connections {descriptors};
}}
http {{
    access_log off;
    client_body_temp_path {directory}/upstream-body;
    proxy_temp_path {directory}/upstream-proxy;
    fastcgi_temp_path {directory}/upstream-fastcgi;
    uwsgi_temp_path {directory}/upstream-uwsgi;
    scgi_temp_path {directory}/upstream-scgi;
    keepalive_timeout {long}s;
    keepalive_requests 1000000000;
    sendfile on;
    sendfile_max_chunk 4m;
    server {{
        listen 127.0.0.1:{port} backlog=4096;
        default_type text/plain;
        location / {{
            return 200 "{answer}";
        }}
        location /bulk {{
            root {directory}/files;
        }}
    }}
}}
"""
ANSWER = "a hundred bytes of plain text, as a small answer of an application that is asked again and again...."


class Place:
    """Where the files of one pair of hops are, and how much they may use."""

    def __init__(self, directory, descriptors):
        self.directory = directory
        self.descriptors = descriptors
        # Both sides of a connection are descriptors.
        self.connections = descriptors // 2 - 50

    def write(self, name, text):
        path = self.directory / name
        path.write_text(text)
        return str(path)


def nginx(place, hop, listen, ahead):
    unix = lambda address: f"unix:{address}" if address.startswith("/") else address
    text = NGINX.format(hop=hop, directory=place.directory, descriptors=place.descriptors, slots=place.descriptors * 2,
                        long=LONG, listen=unix(listen), next=unix(ahead), forwarded=NGINX_FORWARDED if hop == "edge" else "")
    return [program("nginx"), "-e", "stderr", "-p", str(place.directory), "-c", place.write(f"{hop}.conf", text)]


def haproxy(place, hop, listen, ahead):
    unix = lambda address: f"unix@{address}" if address.startswith("/") else address
    text = HAPROXY.format(connections=place.connections, long=LONG, listen=unix(listen), next=unix(ahead),
                          forwarded=HAPROXY_FORWARDED if hop == "edge" else "")
    return [program("haproxy"), "-db", "-f", place.write(f"{hop}.cfg", text)]


def caddy(place, hop, listen, ahead):
    # A site has a port even where it listens at a Unix socket.
    site, bind = (":80", f"unix/{listen}") if listen.startswith("/") else (f":{listen.rpartition(':')[2]}", "127.0.0.1")
    text = CADDY.format(long=LONG, site=site, bind=bind, next=f"unix/{ahead}" if ahead.startswith("/") else ahead)
    return [program("caddy"), "run", "--adapter", "caddyfile", "--config", place.write(f"{hop}.caddyfile", text)]


def upstream(place, port):
    text = UPSTREAM.format(directory=place.directory, descriptors=place.descriptors, long=LONG, port=port, answer=ANSWER)
    return [program("nginx"), "-e", "stderr", "-p", str(place.directory), "-c", place.write("upstream.conf", text)]


def program(name):
    # Where Debian puts daemons is not in everybody's PATH.
    return shutil.which(name) or shutil.which(name, path="/usr/sbin:/usr/bin:/usr/local/sbin:/usr/local/bin")


PEERS = {"nginx": nginx, "haproxy": haproxy, "caddy": caddy}
