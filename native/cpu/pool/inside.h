#pragma once

#include <stddef.h>

#include "backend/plan.h"

/** For files that are compiled once per instruction set. */
namespace convsweep::cpu::CONVSWEEP_ISA {
namespace {

/** The part [begin, end) of a window's side that lies in the map. */
struct Inside {
  size_t begin, end;
};

inline Inside insideOf(int first, int window, int extent) {
  const int begin = first < 0 ? -first : 0, end = first > extent - window ? extent - first : window;
  return {(size_t)begin, (size_t)(end > begin ? end : begin)};
}

}  // namespace
}  // namespace convsweep::cpu::CONVSWEEP_ISA
