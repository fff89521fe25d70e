#pragma once

#include <cstddef>

namespace convsweep::probe {

constexpr const char* kRegression = "logistic regression";

/**
 * What the blocks leave out, through a network of a single dense layer: loading images, loss, softmax, Adam,
 * the totals. Prints a fact like those of checkCall. Returns false if the device is lost to this process.
 */
bool checkRegression(size_t n, bool tf32);

}  // namespace convsweep::probe
