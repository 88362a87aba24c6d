/* What a Python process tells Valgrind: when to begin to count instructions, and when to write what it has counted. */
#include <valgrind/callgrind.h>

void counting_begin(void) { CALLGRIND_START_INSTRUMENTATION; }
void counting_reset(void) { CALLGRIND_ZERO_STATS; }
void counting_write(void) { CALLGRIND_DUMP_STATS; }
