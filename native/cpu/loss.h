#pragma once

#include <algorithm>
#include <cmath>

#include "backend/backend.h"
#include "backend/buffer.h"
#include "cpu/binding.h"
#include "cpu/block.h"
#include "cpu/team.h"

namespace convsweep::cpu {

class HostLoss final : public Loss {
 public:
  HostLoss(const Team& team, const Node& logits, const Binding& binding)
      : team_(team), logits_(logits), binding_(binding) {}

  void forward(size_t n, Mode mode) override {
    const size_t classes = logits_.size;
    losses_.ensure(n);
    hits_.ensure(n);
    exponentials_.ensure(team_.workers() * classes);
    team_.forEachShard(n, [&](const Shard& shard, size_t worker) {
      double* const exponentials = exponentials_.data() + worker * classes;
      for (size_t i = shard.first; i < shard.last; ++i) one(i, mode == Mode::Training ? n : 0, exponentials);
    });
    double loss = 0;
    for (size_t i = 0; i < n; ++i) {
      loss += losses_.data()[i];
      totals_.correct += hits_.data()[i];
    }
    totals_.loss += loss;
    totals_.images += n;
  }

  void reset() { totals_ = {}; }
  const Totals& totals() const { return totals_; }

 private:
  /** `n`: of the batch whose mean loss's gradient is wanted, or 0. `exponentials`: room for the logits less
   * the largest. */
  void one(size_t image, size_t n, double* exponentials) {
    const size_t classes = logits_.size;
    const float* z = logits_.values + image * classes;
    const size_t label = binding_.label(image);
    const size_t predicted = static_cast<size_t>(std::max_element(z, z + classes) - z);
    double sum = 0;
    for (size_t c = 0; c < classes; ++c)
      sum += exponentials[c] = std::exp(static_cast<double>(z[c]) - z[predicted]);
    losses_.data()[image] = std::log(sum) - (static_cast<double>(z[label]) - z[predicted]);
    hits_.data()[image] = predicted == label;
    if (n > 0) writeGradient(exponentials, sum, label, logits_.gradient + image * classes, n);
  }

  /**
   * (softmax - onehot) / n. The label's own entry is minus the sum of the others: exact where softmax is near
   * 1.
   */
  void writeGradient(const double* exponentials, double sum, size_t label, float* gradient, size_t n) const {
    double others = 0;
    for (size_t c = 0; c < logits_.size; ++c) {
      if (c == label) continue;
      const double share = exponentials[c] / sum / static_cast<double>(n);
      others += share;
      gradient[c] = static_cast<float>(share);
    }
    gradient[label] = static_cast<float>(-others);
  }

  const Team& team_;
  const Node& logits_;
  const Binding& binding_;
  // Of the batch's images.
  Buffer<double> losses_;
  Buffer<uint8_t> hits_;
  /** Of each worker. */
  Buffer<double> exponentials_;
  Totals totals_;
};

}  // namespace convsweep::cpu
