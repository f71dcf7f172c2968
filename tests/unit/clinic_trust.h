/*
 * clinic_trust: the certificates of a clinic that is none, with their keys, for tests. The root is
 * good for clinic.example, 10.66.0.0/16 and 127.0.0.0/8.
 */
#pragma once

#define CLINIC_ROOT                                                                                \
    "-----BEGIN CERTIFICATE-----\n"                                                                \
    "MIIB6jCCAZCgAwIBAgIUQaNT/nYjsaT+PHRkcfRxctNZzGUwCgYIKoZIzj0EAwIw\n"                           \
    "NTEWMBQGA1UECgwNS2liZXJhIENsaW5pYzEbMBkGA1UEAwwSS2liZXJhIENsaW5p\n"                           \
    "YyByb290MCAXDTI2MTEyOTIwNDcxNFoYDzIxMjYxMTA1MjA0NzE0WjA1MRYwFAYD\n"                           \
    "VQQKDA1LaWJlcmEgQ2xpbmljMRswGQYDVQQDDBJLaWJlcmEgQ2xpbmljIHJvb3Qw\n"                           \
    "WTATBgcqhkjOPQIBBggqhkjOPQMBBwNCAAS0b2x4zByVftfYmIoIlqPnwpvbtwQ3\n"                           \
    "CKOj++SNj988TAYkTzeR6DdGYRaTaoQ8pd7A3a/K0mKMxOXrp+kFBnZso3wwejAP\n"                           \
    "BgNVHRMBAf8EBTADAQH/MA4GA1UdDwEB/wQEAwIBBjAdBgNVHQ4EFgQUo4deZHeE\n"                           \
    "SO6Xd1NGtIun1nZ6fgQwOAYDVR0eAQH/BC4wLKAqMBCCDmNsaW5pYy5leGFtcGxl\n"                           \
    "MAqHCApCAAD//wAAMAqHCH8AAAD/AAAAMAoGCCqGSM49BAMCA0gAMEUCIQDmyGl9\n"                           \
    "9LJxZpe4WUhnVPmeR1FaN46ik/YMWHq5h9BzegIgKV40ZW/m5dwRm06pf79Vcqpf\n"                           \
    "+cfWkO2LQHk0VkGkCF4=\n"                                                                       \
    "-----END CERTIFICATE-----\n"

#define CLINIC_ISSUING                                                                             \
    "-----BEGIN CERTIFICATE-----\n"                                                                \
    "MIIB1zCCAX2gAwIBAgIUTG0wBaDljPdQ+86N46bwcRiGAqswCgYIKoZIzj0EAwIw\n"                           \
    "NTEWMBQGA1UECgwNS2liZXJhIENsaW5pYzEbMBkGA1UEAwwSS2liZXJhIENsaW5p\n"                           \
    "YyByb290MCAXDTI2MTEyOTIwNDcxNFoYDzIxMjYxMTA1MjA0NzE0WjA4MRYwFAYD\n"                           \
    "VQQKDA1LaWJlcmEgQ2xpbmljMR4wHAYDVQQDDBVLaWJlcmEgQ2xpbmljIGlzc3Vp\n"                           \
    "bmcwWTATBgcqhkjOPQIBBggqhkjOPQMBBwNCAARPsFvvID19xjJEpmutRANr0/e/\n"                           \
    "3Xo1UrUXj/1njxdq/j8W5KEmhC3P0Mh0qqErg4bwx1BLBR15pTmPco8J5gpmo2Yw\n"                           \
    "ZDASBgNVHRMBAf8ECDAGAQH/AgEAMA4GA1UdDwEB/wQEAwIBBjAdBgNVHQ4EFgQU\n"                           \
    "0kdUQVcYYXJkoWf1+bp8Gr/pQfcwHwYDVR0jBBgwFoAUo4deZHeESO6Xd1NGtIun\n"                           \
    "1nZ6fgQwCgYIKoZIzj0EAwIDSAAwRQIgbQwTr5Uv4Yau0YJ9BmbzbQLLXFiCEjCW\n"                           \
    "aPu59SE95z8CIQD8pqFP+CzeS4iTMpl/fnjExoZf4eOK+0Mta0BinrtncA==\n"                               \
    "-----END CERTIFICATE-----\n"

#define CLINIC_LEAF                                                                                \
    "-----BEGIN CERTIFICATE-----\n"                                                                \
    "MIIB/jCCAaOgAwIBAgIUJRIMStMdF714LVyi60u5gZIvoy8wCgYIKoZIzj0EAwIw\n"                           \
    "ODEWMBQGA1UECgwNS2liZXJhIENsaW5pYzEeMBwGA1UEAwwVS2liZXJhIENsaW5p\n"                           \
    "YyBpc3N1aW5nMB4XDTI2MTEyOTIwNDcxNFoXDTI3MTEyOTIwNDcxNFowGTEXMBUG\n"                           \
    "A1UEAwwOY2xpbmljLmV4YW1wbGUwWTATBgcqhkjOPQIBBggqhkjOPQMBBwNCAATm\n"                           \
    "JBEiuchnJZaDQ7wNyME6zOcgZpg+7j/1O0RjyRy7ylzBFztwnQzIvjpmSCpXS6IM\n"                           \
    "Wwjem4hx1B0/6m6vMsQ6o4GpMIGmMAwGA1UdEwEB/wQCMAAwDgYDVR0PAQH/BAQD\n"                           \
    "AgeAMBMGA1UdJQQMMAoGCCsGAQUFBwMBMDEGA1UdEQQqMCiCDmNsaW5pYy5leGFt\n"                           \
    "cGxlghAqLmNsaW5pYy5leGFtcGxlhwQKQgAKMB8GA1UdIwQYMBaAFNJHVEFXGGFy\n"                           \
    "ZKFn9fm6fBq/6UH3MB0GA1UdDgQWBBTP0MYrQyzK6CdPXmY6OBOfCSe59jAKBggq\n"                           \
    "hkjOPQQDAgNJADBGAiEAjhcrLIT4Ynt7+exTLrKP75EFz0cFhxYfhtQmD8aKAocC\n"                           \
    "IQDiFY9AFljsJIjqL0CjxMcUHmsfaxiS3P3JGSbdm/7BBg==\n"                                           \
    "-----END CERTIFICATE-----\n"

#define CLINIC_KEY                                                                                 \
    "-----BEGIN PRIVATE KEY-----\n"                                                                \
    "MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgDrcHCgztXc0XRBqq\n"                           \
    "EOXxOuIqLBcXVTCv3K65BFs1V1ihRANCAATmJBEiuchnJZaDQ7wNyME6zOcgZpg+\n"                           \
    "7j/1O0RjyRy7ylzBFztwnQzIvjpmSCpXS6IMWwjem4hx1B0/6m6vMsQ6\n"                                   \
    "-----END PRIVATE KEY-----\n"

#define CLINIC_LEAF_AFTER                                                                          \
    "-----BEGIN CERTIFICATE-----\n"                                                                \
    "MIIB/DCCAaOgAwIBAgIUJRIMStMdF714LVyi60u5gZIvozAwCgYIKoZIzj0EAwIw\n"                           \
    "ODEWMBQGA1UECgwNS2liZXJhIENsaW5pYzEeMBwGA1UEAwwVS2liZXJhIENsaW5p\n"                           \
    "YyBpc3N1aW5nMB4XDTI2MTEyOTIwNDcxNFoXDTI3MTEyOTIwNDcxNFowGTEXMBUG\n"                           \
    "A1UEAwwOY2xpbmljLmV4YW1wbGUwWTATBgcqhkjOPQIBBggqhkjOPQMBBwNCAAQT\n"                           \
    "LadVxI1+tUaTvf+QfeH1KERjk5GjOXvSaD+vOEE47ookpOQv3FQoYp8MhYhMxySG\n"                           \
    "KadQV252s2Aes1fV9+who4GpMIGmMAwGA1UdEwEB/wQCMAAwDgYDVR0PAQH/BAQD\n"                           \
    "AgeAMBMGA1UdJQQMMAoGCCsGAQUFBwMBMDEGA1UdEQQqMCiCDmNsaW5pYy5leGFt\n"                           \
    "cGxlghAqLmNsaW5pYy5leGFtcGxlhwQKQgAKMB8GA1UdIwQYMBaAFNJHVEFXGGFy\n"                           \
    "ZKFn9fm6fBq/6UH3MB0GA1UdDgQWBBRt6hJ203AHgtDT4EIshRuU2lDSHTAKBggq\n"                           \
    "hkjOPQQDAgNHADBEAiBw9RN+t5ZoueQcmZCFRuN0PiJpSXQqUCcHETFLwzNW7wIg\n"                           \
    "bgE7PQ1+MZ3UJhakh07wzTg4JyE4j7rFMF3Pee5AnZI=\n"                                               \
    "-----END CERTIFICATE-----\n"

#define CLINIC_KEY_AFTER                                                                           \
    "-----BEGIN PRIVATE KEY-----\n"                                                                \
    "MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgTfv6IAtHGlbYBzW9\n"                           \
    "d0+9qfNQCe7lExFiJoy2tzLUFOChRANCAAQTLadVxI1+tUaTvf+QfeH1KERjk5Gj\n"                           \
    "OXvSaD+vOEE47ookpOQv3FQoYp8MhYhMxySGKadQV252s2Aes1fV9+wh\n"                                   \
    "-----END PRIVATE KEY-----\n"

#define CLINIC_CRL                                                                                 \
    "MIHLMHQCAQEwCgYIKoZIzj0EAwIwNTEWMBQGA1UECgwNS2liZXJhIENsaW5pYzEbMBkGA1UEAwwS"                 \
    "S2liZXJhIENsaW5pYyByb290Fw0yNjExMjkyMDQ3MTRaFw0zNjExMjYyMDQ3MTRaoA4wDDAKBgNV"                 \
    "HRQEAwIBATAKBggqhkjOPQQDAgNHADBEAiA+pzRjqb3+VyDBrM1NI+q/jFs4TZE8JUZvxhGp/+MF"                 \
    "AQIgaW7g6WrTR/5nRY8eYhAhcVtoLuCVddChwM0DQdaa7dU="
