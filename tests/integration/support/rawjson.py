"""JSON whose values keep their exact text.

A test that asks "did 1.0 come back as 1.0?" cannot use json.loads. These helpers cut a JSON text into members or
elements and leave each value as it was written; only keys are decoded.
"""

import json
import re
from json.decoder import scanstring

_decoder = json.JSONDecoder(strict=False)
_space = re.compile(r'[ \t\n\r]*')


def _skip(text, at):
    return _space.match(text, at).end()


def _value_end(text, at):
    """Where the value that starts at `at` ends. Walks brackets itself, so that nesting is no limit."""
    if text[at] not in '[{':
        return _decoder.raw_decode(text, at)[1]
    depth = 0
    while True:
        char = text[at]
        if char == '"':
            at = scanstring(text, at + 1, False)[1]
            continue
        if char in '[{':
            depth += 1
        elif char in ']}':
            depth -= 1
            if depth == 0:
                return at + 1
        at += 1


def members(text):
    """An object as a list of (key, raw value); duplicate keys stay."""
    found = []
    at = _skip(text, 0)
    if text[at:at + 1] != '{':
        raise ValueError('not an object: %.60r' % text)
    at = _skip(text, at + 1)
    while text[at] != '}':
        key, at = scanstring(text, at + 1, False)
        at = _skip(text, _skip(text, at) + 1)
        end = _value_end(text, at)
        found.append((key, text[at:end]))
        at = _skip(text, end)
        if text[at] == ',':
            at = _skip(text, at + 1)
    return found


def elements(text):
    """An array as a list of raw values."""
    found = []
    at = _skip(text, 0)
    if text[at:at + 1] != '[':
        raise ValueError('not an array: %.60r' % text)
    at = _skip(text, at + 1)
    while text[at] != ']':
        end = _value_end(text, at)
        found.append(text[at:end])
        at = _skip(text, end)
        if text[at] == ',':
            at = _skip(text, at + 1)
    return found


def member(text, name, default=None):
    for key, value in members(text):
        if key == name:
            return value
    return default


def build(pairs):
    """The object text of (key, raw value) pairs."""
    return '{%s}' % ','.join('%s:%s' % (string(key), value) for key, value in pairs)


def string(text):
    return json.dumps(text, ensure_ascii=False)


def body_and_special(text):
    """Splits a document into its own members (a list of pairs) and CouchDB's underscore ones (a dictionary)."""
    body, special = [], {}
    for key, value in members(text):
        if key.startswith('_'):
            special[key] = value
        else:
            body.append((key, value))
    return body, special


def decode(data):
    """Bytes to text; lone surrogates, which CouchDB accepts, survive."""
    return data.decode('utf-8', 'surrogatepass')


def encode(text):
    return text.encode('utf-8', 'surrogatepass')
