LAYER = "messages"

PHRASES = {
    "plain": "Hello, {name}.",
    "cheerful": "Hello, {name}! Good to see you.",
}
