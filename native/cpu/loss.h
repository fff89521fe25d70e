#pragma once

#include <algorithm>
#include <cmath>

#include "backend/backend.h"
#include "backend/buffer.h"
#include "cpu/binding.h"
#include "cpu/block.h"

namespace convsweep::cpu {

class HostLoss final : public Loss {
 public:
  HostLoss(const Node& logits, const Binding& binding)
      : logits_(logits), binding_(binding), exponentials_(logits.size) {}

  void forward(size_t n, Mode mode) override {
    const size_t classes = logits_.size;
    double loss = 0;
    for (size_t i = 0; i < n; ++i) {
      const float* z = logits_.values + i * classes;
      const size_t label = binding_.label(i);
      const size_t predicted = static_cast<size_t>(std::max_element(z, z + classes) - z);
      double sum = 0;
      for (size_t c = 0; c < classes; ++c)
        sum += exponentials_.data()[c] = std::exp(static_cast<double>(z[c]) - z[predicted]);
      loss += std::log(sum) - (static_cast<double>(z[label]) - z[predicted]);
      totals_.correct += predicted == label;
      if (mode == Mode::Training) writeGradient(sum, label, logits_.gradient + i * classes, n);
    }
    totals_.loss += loss;
    totals_.images += n;
  }

  void reset() { totals_ = {}; }
  const Totals& totals() const { return totals_; }

 private:
  /**
   * (softmax - onehot) / n. The label's own entry is minus the sum of the others: exact where softmax is near
   * 1.
   */
  void writeGradient(double sum, size_t label, float* gradient, size_t n) const {
    double others = 0;
    for (size_t c = 0; c < logits_.size; ++c) {
      if (c == label) continue;
      const double share = exponentials_.data()[c] / sum / static_cast<double>(n);
      others += share;
      gradient[c] = static_cast<float>(share);
    }
    gradient[label] = static_cast<float>(-others);
  }

  const Node& logits_;
  const Binding& binding_;
  /** Of one image's logits, less the largest. */
  Buffer<double> exponentials_;
  Totals totals_;
};

}  // namespace convsweep::cpu
