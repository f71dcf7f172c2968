/*
 * fuzz: what a target defines. It asserts what must hold for any input, aborts if it does not, and
 * leaves nothing behind: libFuzzer calls it thousands of times a second.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
