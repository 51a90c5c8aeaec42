LAYER = "festive"

PHRASES = {
    "plain": "Season's greetings, {name}.",
    "cheerful": "Season's greetings, {name}! Have some cake.",
}
