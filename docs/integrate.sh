#!/usr/bin/env bash
# The whole API from outside, top to bottom: an account, a team, a webhook, a call, its transcript and summary, and away
# again. It needs curl, jq and python3, and `liveconvo` for the part that is spoken, which is WebRTC and not HTTP.
#
#   LIVECONVO_WEBHOOK_NETWORKS=127.0.0.1 liveconvo up      # webhooks go to public addresses only, unless you say so
#   OUTBOX=…/outbox docs/integrate.sh                      # `up` says where its mails lie
#
# URL        the installation (http://localhost:8080)
# OUTBOX     the folder of its mails; with LIVECONVO_SMTP_URL people click on the links instead
# HOOK_PORT  where this script listens for the webhook (9080)
# AUDIO      a recording to be spoken in the call (the demo's)
set -euo pipefail
URL=${URL:-http://localhost:8080}
OUTBOX=${OUTBOX:?name the folder in which the mails lie}
HOOK_PORT=${HOOK_PORT:-9080}
AUDIO=${AUDIO:-$(dirname "$0")/../deploy/demo/host.opus}
LIVECONVO=${LIVECONVO:-liveconvo}
NAME=ada-$RANDOM$RANDOM
PASSWORD='correct horse battery'

say() { printf '\n── %s\n' "$1"; }
# POST by default once there is a body; a refusal (4xx, 5xx) prints its problem document and ends the script.
api() { curl --silent --show-error --fail-with-body -H "Authorization: Bearer ${TOKEN:-}" -H 'Content-Type: application/json' "$@"; }
open_api() { curl --silent --show-error --fail-with-body -H 'Content-Type: application/json' "$@"; }
# The token of the newest mail to somebody: what stands after the last slash of its link.
mailed() {
  for _ in $(seq 300); do
    local mail
    mail=$(grep -lsi "^To:.*$1" "$OUTBOX"/*.eml 2>/dev/null | xargs -r ls -t | head -n 1 || true)
    if [ -n "$mail" ]; then
      python3 - "$mail" <<'PYTHON'
import email, email.policy, re, sys
letter = email.message_from_file(open(sys.argv[1]), policy=email.policy.default)
print(re.search(r"#/[\w-]+/([0-9a-f]{32,})", letter.get_body(("plain",)).get_content())[1])
PYTHON
      return
    fi
    sleep 0.1
  done
  echo "no mail to $1 came" >&2
  exit 1
}
new_account() {  # e-mail, name → the token that is signed in
  open_api "$URL/v1/auth/sign-up" -d "{\"email\": \"$1\", \"full_name\": \"$2\", \"timezone\": \"Europe/London\"}" >&2
  local link
  link=$(mailed "$1")
  open_api "$URL/v1/auth/verify" -d "{\"token\": \"$link\", \"password\": \"$PASSWORD\"}" | jq -r .token
}

say "sign up: the answer is the same for every address, the mail has the link"
TOKEN=$(new_account "$NAME@example.org" "Ada Lovelace")
api "$URL/v1/me/profile" | jq -c '{full_name, timezone}'

say "organization"
api "$URL/v1/me/onboarding" -d '{"organization_name": "Analytical Engines"}' | jq -c .organization
ORGANIZATION=$(api "$URL/v1/me" | jq -r .organization.id)

say "invite a colleague: reading the link uses nothing up, answering does (accepting takes a plan with a seat for them)"
api "$URL/v1/organizations/$ORGANIZATION/invitations" -d "{\"email\": \"grace-$NAME@example.org\", \"role\": \"member\"}" | jq -c '{email, role, status}'
INVITATION=$(mailed "grace-$NAME@example.org")
open_api "$URL/v1/invitations/$INVITATION" | jq -c .
open_api -X POST "$URL/v1/invitations/$INVITATION/decline"
api "$URL/v1/organizations/$ORGANIZATION/invitations" | jq -c '[.items[].status]'

say "webhook: a program of ours that writes down what it is told"
HOOKED=$(mktemp)
python3 - "$HOOK_PORT" "$HOOKED" <<'PYTHON' &
import http.server, json, sys
class Hook(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        told = {name: self.headers[f"webhook-{name}"] for name in ("id", "timestamp", "signature")}
        with open(sys.argv[2], "a") as file:
            print(json.dumps({**told, "body": body.decode()}), file=file)
        self.send_response(204)
        self.end_headers()
    def log_message(self, *_): pass
http.server.HTTPServer(("127.0.0.1", int(sys.argv[1])), Hook).serve_forever()
PYTHON
HOOK=$!
trap 'kill $HOOK 2>/dev/null; rm -f "$HOOKED"' EXIT
WEBHOOK=$(api "$URL/v1/organizations/$ORGANIZATION/webhooks" \
  -d "{\"url\": \"http://127.0.0.1:$HOOK_PORT/hook\", \"event_types\": [\"session.ended\", \"summary.ready\"]}")
jq -c '{id, event_types}' <<<"$WEBHOOK"
SECRET=$(jq -r .secret <<<"$WEBHOOK")  # told once

say "session; the same request twice makes one"
KEY=$(python3 -c 'import uuid; print(uuid.uuid4())')
for _ in 1 2; do
  SESSION=$(api "$URL/v1/sessions" -H "Idempotency-Key: $KEY" -d '{"title": "First call", "conversation_type": "sales"}' | jq -r .id)
done
api "$URL/v1/sessions/$SESSION/checklist" -d '{"text": "Ask who decides"}' | jq -c .
api "$URL/v1/sessions" | jq -c '[.items[].title]'

say "join: where to POST an SDP offer within a minute (WHIP), with the ticket as bearer"
api "$URL/v1/sessions/$SESSION/join" -d '{"name": "Ada", "role": "host", "consent": {"version": "1", "at": "2026-11-29T09:00:00Z"}}' \
  | jq -c '{media_url, expires_at}'

say "the call: liveconvo joins in the same way, and speaks"
"$LIVECONVO" call "$AUDIO" --name Ada --url "$URL" --token "$TOKEN" --session "$SESSION"

say "transcript"
api "$URL/v1/sessions/$SESSION/transcript?limit=5" | jq -r '.items[] | "\(.speaker): \(.text)"'

say "summary"
for _ in $(seq 300); do
  STATUS=$(api "$URL/v1/sessions/$SESSION/summary" | jq -r .generation_status)
  [ "$STATUS" = completed ] && break
  sleep 0.2
done
api "$URL/v1/sessions/$SESSION/summary" | jq -c '{generation_status, title}'

say "export"
api "$URL/v1/sessions/$SESSION/export?format=markdown" | sed -n '1,5p'

say "webhook received, and signed by who knows the secret: HMAC-SHA256 of its id, timestamp and body"
for _ in $(seq 300); do
  grep -q summary.ready "$HOOKED" && break
  sleep 0.2
done
jq -c '.body | fromjson | {type, timestamp}' "$HOOKED"
grep -q summary.ready "$HOOKED"
python3 - "$HOOKED" "$SECRET" <<'PYTHON'
import base64, hashlib, hmac, json, sys
key = base64.b64decode(sys.argv[2].removeprefix("whsec_"))
for line in open(sys.argv[1]):
    told = json.loads(line)
    signed = f"{told['id']}.{told['timestamp']}.{told['body']}".encode()
    wanted = "v1," + base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()
    if not any(hmac.compare_digest(wanted, given) for given in told["signature"].split()):
        sys.exit("a webhook that nobody signed")
print("every signature is right")
PYTHON

say "away: the organization, and the account, which is erased after two weeks"
api -X DELETE "$URL/v1/organizations/$ORGANIZATION"
api "$URL/v1/me/deletion" -d "{\"password\": \"$PASSWORD\"}" | jq -c .
say "done"
