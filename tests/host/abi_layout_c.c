/* Proves that the border has the written-down layout in a host of C11. */
#define BV_ASSERT(condition, text) _Static_assert(condition, text)
#include "abi_layout.inc"
