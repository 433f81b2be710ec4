#!/bin/sh
# Places an order on paper and lists today's orders. Needs curl and openssl.
#
#   EGGMONEY_URL   address of the server, for example https://nas.example:8740
#   EGGMONEY_KEY   an API key of the scope "paper" or "trade": egg_NAME_SECRET
#
# openssl is given the secret as an argument, which other users of the same machine can see while it
# runs. Where that matters, use the example in Python.
set -eu

name="${EGGMONEY_KEY%_*}"
secret="${EGGMONEY_KEY##*_}"

# call METHOD PATH QUERY BODY: QUERY is sorted by name and percent-encoded already.
call() {
  timestamp="$(date +%s)"
  nonce="$(openssl rand -hex 16)"
  hash="$(printf '%s' "$4" | openssl dgst -sha256 -hex | sed 's/.* //')"
  signature="$(printf 'EGG-HMAC-SHA256\n%s\n%s\n%s\n%s\n%s\n%s' "$1" "$2" "$3" "$hash" "$timestamp" "$nonce" |
    openssl dgst -sha256 -hmac "$secret" -hex | sed 's/.* //')"
  # --data would send an empty body with GET, too; an empty list of arguments sends none.
  set -- "$1" "$2${3:+?$3}" "$4"
  curl --silent --show-error --fail-with-body --request "$1" "$EGGMONEY_URL$2" \
    --header "Authorization: EGG-HMAC-SHA256 key=$name, timestamp=$timestamp, nonce=$nonce, signature=$signature" \
    --header 'Content-Type: application/json' \
    ${3:+--header "Idempotency-Key: $nonce" --data-binary "$3"}
  echo
}

call POST /api/v1/trading/orders '' '{"symbol":"005930","side":"buy","quantity":10,"price":70000}'
call GET /api/v1/trading/orders 'limit=5&symbol=005930' ''

# To read, showing the key is enough.
curl --silent --show-error --fail-with-body --header "Authorization: Bearer $EGGMONEY_KEY" \
  "$EGGMONEY_URL/api/v1/portfolio/summary"
echo
