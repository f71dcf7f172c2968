"""The stand-in's sessions. A cookie is what CouchDB 3 makes: base64url of user, time in hexadecimal and an HMAC of both by the server's
secret and the user's salt. So it is good on each server on which these two are the same.

    made = make(config, 'admin')            # the value of Set-Cookie
    user(config, 'AuthSession=YWRtaW46…')   # 'admin', or None
"""

import base64
import hashlib
import hmac
import http.cookies
import time

COOKIE = 'AuthSession'


def _setting(config, key, otherwise=None):
    """Of [chttpd_auth], or of the section that had it in CouchDB 2."""
    return next((config[section][key] for section in ('chttpd_auth', 'couch_httpd_auth') if key in config.get(section, {})), otherwise)


def _salt(config, name):
    """-pbkdf2:sha256-HASH,SALT,ITERATIONS of an administrator."""
    return (config['admins'].get(name, '').split(',') + [''])[1]


def _hmac(config, algorithm, name, moment):
    key = _setting(config, 'secret') + _salt(config, name)
    return hmac.new(key.encode(), b'%s:%s' % (name.encode(), moment), hashlib.sha1 if algorithm == 'sha' else algorithm).digest()


def _algorithms(config):
    return [word.strip() for word in _setting(config, 'hash_algorithms', 'sha256, sha').split(',')]


def _timeout(config):
    return int(_setting(config, 'timeout', 600))


def make(config, name):
    moment = b'%X' % int(time.time())
    plain = b'%s:%s:%s' % (name.encode(), moment, _hmac(config, _algorithms(config)[0], name, moment))
    return '%s=%s; Version=1; Max-Age=%d; Path=/; HttpOnly' % (
        COOKIE, base64.urlsafe_b64encode(plain).decode().rstrip('='), _timeout(config))


def user(config, header):
    """Whose the cookie is, if it is good here. ValueError: it is none."""
    found = http.cookies.SimpleCookie(header).get(COOKIE)
    if not found or not found.value or _setting(config, 'secret') is None:
        return None
    name, moment, given = base64.urlsafe_b64decode(found.value + '=' * (-len(found.value) % 4)).split(b':', 2)
    name = name.decode()
    is_ours = any(hmac.compare_digest(given, _hmac(config, each, name, moment)) for each in _algorithms(config))
    return name if is_ours and time.time() < int(moment, 16) + _timeout(config) else None
