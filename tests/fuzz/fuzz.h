/* What every fuzz target is: one function over bytes, and a property that must hold of them. */
#ifndef TESTS_FUZZ_H
#define TESTS_FUZZ_H
#include <stddef.h>
#include <stdint.h>

#include "notifier/base/err.h"
#include "notifier/base/mem.h"
#include "notifier/base/str.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);
#endif
