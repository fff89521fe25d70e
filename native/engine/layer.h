#pragma once

#include <array>
#include <string>
#include <vector>

namespace convsweep {

/** One layer as JavaScript describes it: lib/native/contract.ts' NativeLayer. */
struct Layer {
  std::string type;
  std::vector<int> inputShape;
  std::vector<int> outputShape;
  std::string activation = "linear";
  bool useBias = true;
  std::array<int, 2> window{1, 1};
  std::array<int, 2> strides{1, 1};
  float scale = 1;
  float offset = 0;
  double momentum = 0;
  float epsilon = 0;
  float rate = 0;
};

}  // namespace convsweep
