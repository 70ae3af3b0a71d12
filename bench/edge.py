"""How near the redirect comes to the limit: nginx that only says 302, nginx with Lua doing the same job with a log
that may lose clicks, and a plain Flask route; all in one interleaved run, by server CPU per request.

`python -m bench.edge [--rounds 3] [--seconds 3] [--connections 32]` prints a JSON line per figure.
"""

import argparse
import contextlib
import importlib.util
import json
import secrets
import statistics
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from bench._edge_apps import LINKS, write_links
from bench._load import Load, Server, free_port, missing

_MODULES = Path("/usr/lib/nginx/modules")
_BROWSER = (
    "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 Safari/537.36"
)
# Many visitors on many links, as browsers send them; the answer is checked, because a fast error is no redirect.
_WRK = """
local requests, n, bad = {}, 0, 0
for i = 0, 511 do
  requests[i] = wrk.format("GET", string.format("/t/bench%%03d", i * 7 %% %(links)d), {
    ["Host"] = "go.example", ["User-Agent"] = "%(browser)s", ["Referer"] = "https://blog.example/",
    ["Accept"] = "text/html", ["Sec-Fetch-Dest"] = "document", ["Sec-Fetch-Mode"] = "navigate",
    ["X-Forwarded-For"] = string.format("10.%%d.%%d.7", i / 256, i %% 256)})
end
function request() n = n + 1 return requests[n %% 512] end
local threads = {}
function setup(thread) table.insert(threads, thread) end
function init() failed = 0 end
function response(status) if status ~= 302 then failed = failed + 1 end end
function done(summary, latency)
  for _, thread in ipairs(threads) do bad = bad + thread:get("failed") end
  print(string.format("aan %%d %%d %%d %%d %%d", summary.requests, summary.duration,
    latency:percentile(50), latency:percentile(99), bad + summary.errors.connect + summary.errors.read))
end
"""
_NGINX = """
daemon off; master_process off; worker_processes 1; pid %(folder)s/pid; error_log %(folder)s/error.log;
%(modules)s
events { worker_connections 1024; }
http {
  client_body_temp_path %(folder)s/a; proxy_temp_path %(folder)s/b; fastcgi_temp_path %(folder)s/c;
  uwsgi_temp_path %(folder)s/d; scgi_temp_path %(folder)s/e; keepalive_requests 1000000; access_log off;
  %(http)s
  server { listen 127.0.0.1:%(port)d; location /t/ { %(location)s } }
}
"""
_LUA_HTTP = """
log_format click '$click\\t$msec\\t$link\\t$verdict\\t$who\\t$family';
init_by_lua_block {
  links, agents, key, day = {}, {}, string.rep("k", 32), string.rep("d", 32)
  for i = 0, %(links)d - 1 do
    links[string.format("/t/bench%%03d", i)] = {
      string.format("https://shop.example/products/%%d?ref=x&aan=", i), string.format("%%032x", i)}
  end
}
"""
_LUA_LOCATION = """
set $click ''; set $link ''; set $verdict ''; set $who ''; set $family '';
access_log %(folder)s/clicks.log click buffer=64k flush=1s;
content_by_lua_block {
  local found = links[ngx.var.uri]
  if not found then return ngx.redirect("http://localhost/search", 302) end
  local headers, var = ngx.req.get_headers(), ngx.var
  local agent = headers["user-agent"] or ""
  local known = agents[agent]
  if known == nil then
    known = ngx.re.find(agent, "bot|crawl|spider|curl|python|facebookexternalhit|WhatsApp", "jo") and "bot" or "chrome"
    agents[agent] = known
  end
  local verdict = "qualified"
  if ngx.req.get_method() == "HEAD" then verdict = "head"
  elseif known == "bot" then verdict = "bot"
  elseif headers["sec-purpose"] or headers["purpose"] or headers["x-moz"] then verdict = "prefetch"
  elseif (headers["sec-fetch-dest"] or "document") ~= "document" then verdict = "not_document" end
  local net = string.match(headers["x-forwarded-for"] or var.remote_addr, "^(.*)%%.") or ""
  local who = ngx.md5(day .. net .. agent)
  local ms = ngx.now() * 1000
  local click = string.format("%%012x7%%05x8%%07x%%06x", ms, math.random(0, 0xfffff), math.random(0, 0xfffffff),
    math.random(0, 0xffffff))
  local body = "101" .. found[2] .. click .. string.sub(click, 1, 12)
  local mac = ngx.encode_base64(ngx.hmac_sha1(key, body))
  var.click, var.link, var.verdict, var.who, var.family = click, found[2], verdict, who, known
  ngx.header["Cache-Control"] = "no-store"
  ngx.header["Referrer-Policy"] = "strict-origin-when-cross-origin"
  return ngx.redirect(found[1] .. body .. mac, 302)
}
"""
_LIMIT = "add_header Cache-Control no-store; return 302 https://shop.example/products/1?ref=x;"


def _nginx(folder: Path, *, lua: bool) -> Server:
    folder.mkdir()
    port = free_port()
    modules = "".join(
        f"load_module {_MODULES}/{name}.so;\n" for name in ("ndk_http_module", "ngx_http_lua_module")
    )
    text = _NGINX % {
        "folder": folder,
        "port": port,
        "modules": modules if lua else "",
        "http": _LUA_HTTP % {"links": LINKS} if lua else "",
        "location": _LUA_LOCATION % {"folder": folder} if lua else _LIMIT,
    }
    (folder / "nginx.conf").write_text(text)
    argv = ["nginx", "-p", str(folder), "-e", str(folder / "error.log"), "-c", str(folder / "nginx.conf")]
    return Server(argv, port, {"PATH": "/usr/sbin:/usr/bin:/bin"}, folder)


def _python(folder: Path, argv: list[str], port: int) -> Server:
    folder.mkdir()
    write_links(folder / "segments" / "edge")
    environment = {
        "PATH": f"{Path(sys.executable).parent}:/usr/bin:/bin",
        "AANRADER_MODE": "test",
        "DATABASE_URL": "postgresql+psycopg://nobody@/none?host=/nonexistent",
        "AANRADER_SECRET_KEY": secrets.token_hex(32),
        "AANRADER_TOKEN_KEYS": f"1:{secrets.token_hex(32)}",
        "AANRADER_SEGMENTS_DIR": str(folder / "segments"),
        # The visitors of the load come through one proxy, as in production.
        "AANRADER_TRUSTED_PROXIES": "1",
    }
    return Server(argv, port, environment, folder)


def _granian(folder: Path, target: str) -> Server:
    port = free_port()
    granian = [str(Path(sys.executable).with_name("granian")), "--interface", "wsgi", "--no-ws", "--factory"]
    options = ["--host", "127.0.0.1", "--port", str(port), "--blocking-threads", "1", "--log-level", "error"]
    return _python(folder, [*granian, *options, f"bench._edge_apps:{target}"], port)


def _bjoern(folder: Path) -> Server:
    port = free_port()
    return _python(folder, [sys.executable, "-m", "bench._edge_apps", str(port)], port)


def _print(figure: str, **facts: object) -> None:
    print(json.dumps({"bench": "edge", "figure": figure} | facts), flush=True)


def _figures(lane: str, runs: dict[str, list[Load]], floors: dict[str, float]) -> None:
    def cpu(name: str) -> float:
        return statistics.median(load.cpu_us for load in runs[name])

    mine = cpu(lane)
    rate = statistics.median(load.rate for load in runs[lane])
    for rival, floor in floors.items():
        if rival in runs:
            _print(
                f"edge_{lane}_vs_{rival}",
                value=round(mine, 2),
                unit="us cpu per click",
                limit=round(cpu(rival), 2),
                ratio=round(cpu(rival) / mine, 3),
                better="higher",
                floor=floor,
                cpu_us=round(mine, 2),
                per_second=round(rate),
            )
    p99, limit = (statistics.median(load.p99 for load in runs[name]) for name in (lane, "nginx"))
    _print(
        f"edge_{lane}_p99_vs_nginx",
        value=round(p99),
        unit="us",
        limit=round(limit),
        ratio=round(p99 / limit, 2),
        better="lower",
        floor=4.0,
    )


def main() -> int:
    """Run the bench; 0 when it ran, 3 where it can't."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=int, default=3)
    parser.add_argument("--connections", type=int, default=32)
    options = parser.parse_args()
    why = missing()
    if why is not None:
        print(json.dumps({"skipped": why}))
        return 3
    with tempfile.TemporaryDirectory(prefix="aan-bench-") as name, contextlib.ExitStack() as stack:
        folder = Path(name)
        script = folder / "wrk.lua"
        script.write_text(_WRK % {"links": LINKS, "browser": _BROWSER})
        lanes: dict[str, Callable[[], Server]] = {
            "nginx": lambda: _nginx(folder / "nginx", lua=False),
            "granian": lambda: _granian(folder / "granian", "ours"),
            "flask": lambda: _granian(folder / "flask", "plain"),
        }
        if (_MODULES / "ngx_http_lua_module.so").exists():
            lanes["lua"] = lambda: _nginx(folder / "lua", lua=True)
        if importlib.util.find_spec("_bjoern") is not None:
            lanes["bjoern"] = lambda: _bjoern(folder / "bjoern")
        servers = {lane: start() for lane, start in lanes.items()}
        for server in servers.values():
            stack.callback(server.stop)
        runs: dict[str, list[Load]] = {lane: [] for lane in servers}
        for server in servers.values():
            server.load(script, seconds=1, connections=options.connections)
        for _ in range(options.rounds):
            for lane, server in servers.items():
                runs[lane].append(
                    server.load(script, seconds=options.seconds, connections=options.connections)
                )
    _figures("granian", runs, {"nginx": 0.17, "lua": 0.40, "flask": 8.0})
    if "bjoern" in runs:
        _figures("bjoern", runs, {"nginx": 0.26, "lua": 0.65, "flask": 10.0})
    return 0


if __name__ == "__main__":
    sys.exit(main())
