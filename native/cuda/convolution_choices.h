#pragma once

#include <map>
#include <mutex>
#include <string>
#include <vector>

#include "cuda/convolution_operation.h"
#include "cuda/engine_choice.h"
#include "cuda/plan_target.h"

namespace convsweep::cuda {

/**
 * The engines for convolutions on one device, each chosen once, whoever asks first. A choice is the first of
 * cuDNN's engine configurations, in the order of its heuristics and then of its fallbacks, that
 *   - repeats itself bit by bit,
 *   - rounds no factors but to TF32 on tensor cores, and not even so unless the operation says so, and takes
 *     no detour that loses digits (Winograd, FFT, sums in half precision),
 *   - needs no compiler at run time,
 *   - needs at most kMostWorkspace,
 *   - and that cuDNN does not refuse when it is prepared or first run.
 * It depends on the device's kind, cuDNN's version and the operation alone, as results do on it.
 */
class ConvolutionChoices {
 public:
  static constexpr size_t kMostWorkspace = size_t{256} << 20;

  /** Throws Error NATIVE where no configuration will do. `target` is the calling thread's, and of this
   * device; threads that ask meanwhile wait. */
  EngineChoice of(const ConvolutionOperation& operation, const PlanTarget& target);
  /** What to use in place of a choice that cuDNN has refused, for a reason. */
  EngineChoice insteadOf(const EngineChoice& refused, const std::string& reason,
                         const ConvolutionOperation& operation, const PlanTarget& target);

 private:
  struct Chosen {
    EngineChoice choice;
    std::vector<EngineChoice> refused;
  };
  std::mutex mutex_;
  std::map<ConvolutionOperation, Chosen> chosen_;
};

/** The engine of a configuration of the heuristics', and its settings. */
EngineChoice choiceOf(const GraphDescriptor& configuration);

}  // namespace convsweep::cuda
