// The bytes of a memory map, as memory_map.cc writes them and qemu/preload.c reads them. C.
//
// A header, `extent_count` extents, and the first eight bytes of the SHA-256 of all before them.
// Little-endian, as every machine that Wrenn runs on.
#pragma once

#include <stdint.h>

static const uint64_t WRENN_MAP_MAGIC = 0x31304d454d4e5257u;  // "WRNMEM01"
static const uint64_t WRENN_MAP_PAGE = 4096;

enum { WRENN_MAP_ZERO = -1 };
enum { WRENN_MAP_MAX_LAYERS = 16 };
enum { WRENN_MAP_MAX_EXTENTS = 32768 };

struct wrenn_map_header {
  uint64_t magic;
  uint64_t memory_bytes;
  uint32_t layer_count;
  uint32_t extent_count;
};

// Sorted, without gaps; offsets and lengths are whole pages.
struct wrenn_map_extent {
  uint64_t offset;  // In the guest's memory.
  uint64_t length;
  uint64_t layer_offset;  // In the file of the layer; 0 for zeros.
  int32_t layer;          // WRENN_MAP_ZERO: all zero.
  uint32_t reserved;      // 0
};
