/*
 * fake_curl: stands in for libcurl's transfers, so that lib/http and all above it read answers
 * from memory, thousands a second. URLs and lists of headers stay libcurl's own.
 *
 *     answer 0xFF answer 0xFF …     one for each request, in their order
 *
 * An answer that begins with HTTP/ has a head of its own; any other gets `200 OK` in front. One
 * that ends with a NUL is cut off there. Behind the last, the server is gone.
 */
#pragma once

#include "lib/base/slice.h"

/* What the requests from now on are answered. The bytes stay the caller's. A body comes in pieces
 * of so many bytes. */
void fake_curl_script(struct slice answers, gsize piece);
