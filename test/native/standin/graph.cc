#include <algorithm>
#include <cstring>
#include <map>
#include <memory>
#include <optional>
#include <set>

#include "standin/convolution.h"
#include "standin/state.h"

/** cuDNN's graph API, as far as single convolutions need it. */
namespace standin {
namespace {

constexpr const char* kKind = "graph descriptor";

struct Node;
using NodePtr = std::shared_ptr<const Node>;

struct Attribute {
  cudnnBackendAttributeType_t type;
  int64_t count = 0;
  std::vector<char> bytes;
  std::vector<NodePtr> nodes;
};

/** An engine: what heuristics say of it, and whether it turns out to work. */
struct Engine {
  int64_t index;
  std::vector<cudnnBackendNumericalNote_t> numerics;
  std::vector<cudnnBackendBehaviorNote_t> behaviour;
  bool prepares = true, runs = true;
  size_t extraWorkspace = 0;

  /** What it must be set to. */
  int64_t tile() const { return 100 + index; }
  bool has(cudnnBackendNumericalNote_t note) const {
    for (const auto known : numerics) {
      if (known == note) return true;
    }
    return false;
  }
};

/** A descriptor's contents, which others may refer to when it is gone. */
struct Node {
  cudnnBackendDescriptorType_t type;
  bool finalised = false;
  std::map<cudnnBackendAttributeName_t, Attribute> attributes;
  const Engine* engine = nullptr;
  /** Of operation graphs and plans. */
  int device = -1;
  size_t workspace = 0;

  const Attribute* find(cudnnBackendAttributeName_t name) const {
    const auto found = attributes.find(name);
    return found == attributes.end() ? nullptr : &found->second;
  }
  template <typename T>
  std::vector<T> values(cudnnBackendAttributeName_t name) const {
    const Attribute* const attribute = find(name);
    if (!attribute) return {};
    std::vector<T> result(static_cast<size_t>(attribute->count));
    std::memcpy(result.data(), attribute->bytes.data(), attribute->bytes.size());
    return result;
  }
  template <typename T>
  T value(cudnnBackendAttributeName_t name, T otherwise = {}) const {
    const std::vector<T> all = values<T>(name);
    return all.empty() ? otherwise : all[0];
  }
  NodePtr node(cudnnBackendAttributeName_t name) const {
    const Attribute* const attribute = find(name);
    return attribute && !attribute->nodes.empty() ? attribute->nodes[0] : nullptr;
  }
};

struct Backend {
  std::shared_ptr<Node> node;
};

/** Null, and a violation, for what is no descriptor. */
Backend* backendOf(cudnnBackendDescriptor_t descriptor, const char* call) {
  if (alive(descriptor, kKind)) return static_cast<Backend*>(descriptor);
  violation(std::string(call) + " with a descriptor that does not exist");
  return nullptr;
}

size_t sizeOf(cudnnBackendAttributeType_t type) {
  switch (type) {
    case CUDNN_TYPE_CHAR:
    case CUDNN_TYPE_BOOLEAN:
      return 1;
    case CUDNN_TYPE_INT64:
    case CUDNN_TYPE_HANDLE:
    case CUDNN_TYPE_VOID_PTR:
    case CUDNN_TYPE_BACKEND_DESCRIPTOR:
      return 8;
    default:
      return 4;
  }
}

cudnnStatus_t wrong(const char* what) {
  violation(std::string("cudnnBackendFinalize: ") + what);
  return CUDNN_STATUS_BAD_PARAM;
}

// ---- Engines ---------------------------------------------------------------------------------------------

/** What a choice must pass over before it finds what works, with TF32 and without. */
const std::vector<Engine>& engines(cudnnBackendHeurMode_t mode) {
  static const std::vector<Engine> best{
      {20, {CUDNN_NUMERICAL_NOTE_NONDETERMINISTIC}, {}},
      {12, {CUDNN_NUMERICAL_NOTE_WINOGRAD, CUDNN_NUMERICAL_NOTE_WINOGRAD_TILE_4x4}, {}},
      {13, {CUDNN_NUMERICAL_NOTE_FFT}, {}},
      {14, {CUDNN_NUMERICAL_NOTE_TENSOR_CORE, CUDNN_NUMERICAL_NOTE_DOWN_CONVERT_INPUTS}, {}},
      {15, {CUDNN_NUMERICAL_NOTE_REDUCED_PRECISION_REDUCTION}, {}},
      {90, {}, {CUDNN_BEHAVIOR_NOTE_RUNTIME_COMPILATION}},
      {60, {}, {}, false},
      {61, {}, {}, true, true, size_t{1} << 30},
      {62, {CUDNN_NUMERICAL_NOTE_TENSOR_CORE}, {}, true, false, 4096},
      {63, {CUDNN_NUMERICAL_NOTE_TENSOR_CORE}, {}, true, true, 512},
      {64, {}, {}, true, false}};
  static const std::vector<Engine> fallback{{25, {CUDNN_NUMERICAL_NOTE_NONDETERMINISTIC}, {}},
                                            {1, {}, {}, true, true, 8192}};
  return mode == CUDNN_HEUR_MODE_A ? best : fallback;
}

const Engine* engineOf(int64_t index) {
  for (const auto mode : {CUDNN_HEUR_MODE_A, CUDNN_HEUR_MODE_FALLBACK}) {
    for (const Engine& engine : engines(mode)) {
      if (engine.index == index) return &engine;
    }
  }
  return nullptr;
}

/** What no choice may run. */
bool unfit(const Engine& engine) {
  for (const auto note : engine.numerics) {
    if (note != CUDNN_NUMERICAL_NOTE_TENSOR_CORE) return true;
  }
  return !engine.behaviour.empty();
}

// ---- Operations ------------------------------------------------------------------------------------------

struct Names {
  cudnnBackendAttributeName_t x, w, y, convolution, alpha, beta;
  /** Which of x, w and y is written. */
  size_t written;
  const char* call;
};

std::optional<Names> namesOf(cudnnBackendDescriptorType_t type) {
  switch (type) {
    case CUDNN_BACKEND_OPERATION_CONVOLUTION_FORWARD_DESCRIPTOR:
      return Names{CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_X,
                   CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_W,
                   CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_Y,
                   CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_CONV_DESC,
                   CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_ALPHA,
                   CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_BETA,
                   2,
                   "cudnnBackendExecute(convolution forward)"};
    case CUDNN_BACKEND_OPERATION_CONVOLUTION_BACKWARD_DATA_DESCRIPTOR:
      return Names{CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_DX,
                   CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_W,
                   CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_DY,
                   CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_CONV_DESC,
                   CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_ALPHA,
                   CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_BETA,
                   0,
                   "cudnnBackendExecute(convolution backward data)"};
    case CUDNN_BACKEND_OPERATION_CONVOLUTION_BACKWARD_FILTER_DESCRIPTOR:
      return Names{CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_X,
                   CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_DW,
                   CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_DY,
                   CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_CONV_DESC,
                   CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_ALPHA,
                   CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_BETA,
                   1,
                   "cudnnBackendExecute(convolution backward filter)"};
    default:
      return std::nullopt;
  }
}

Packed packedOf(const NodePtr& tensor) {
  const auto sizes = tensor->values<int64_t>(CUDNN_ATTR_TENSOR_DIMENSIONS);
  return {static_cast<int>(sizes[0]), static_cast<int>(sizes[1]), static_cast<int>(sizes[2]),
          static_cast<int>(sizes[3])};
}

/** Of a finalised operation. */
Convolution convolutionOf(const Node& operation, const Names& names) {
  const NodePtr how = operation.node(names.convolution);
  const auto pads = how->values<int64_t>(CUDNN_ATTR_CONVOLUTION_PRE_PADDINGS),
             strides = how->values<int64_t>(CUDNN_ATTR_CONVOLUTION_FILTER_STRIDES);
  return {packedOf(operation.node(names.x)), packedOf(operation.node(names.w)),
          packedOf(operation.node(names.y)), static_cast<int>(pads[0]),
          static_cast<int>(pads[1]),         static_cast<int>(strides[0]),
          static_cast<int>(strides[1]),      operation.value<float>(names.alpha),
          operation.value<float>(names.beta)};
}

// ---- Finalising ------------------------------------------------------------------------------------------

cudnnStatus_t finaliseTensor(const Node& it) {
  const auto sizes = it.values<int64_t>(CUDNN_ATTR_TENSOR_DIMENSIONS),
             strides = it.values<int64_t>(CUDNN_ATTR_TENSOR_STRIDES);
  if (sizes.size() != 4 || strides.size() != 4 || !it.find(CUDNN_ATTR_TENSOR_UNIQUE_ID) ||
      it.value<int64_t>(CUDNN_ATTR_TENSOR_BYTE_ALIGNMENT) < 4 ||
      it.value(CUDNN_ATTR_TENSOR_DATA_TYPE, CUDNN_DATA_HALF) != CUDNN_DATA_FLOAT) {
    return wrong("expected a tensor of four dimensions of floats, with an id and an alignment");
  }
  int64_t packed = 1;
  for (size_t i = 4; i-- > 0;) {
    if (sizes[i] < 1 || strides[i] != packed) return wrong("expected packed NCHW and positive sizes");
    packed *= sizes[i];
  }
  return CUDNN_STATUS_SUCCESS;
}

cudnnStatus_t finaliseConvolution(const Node& it) {
  const auto pair = [&it](cudnnBackendAttributeName_t name) { return it.values<int64_t>(name); };
  const auto dilations = pair(CUDNN_ATTR_CONVOLUTION_DILATIONS);
  if (it.value<int64_t>(CUDNN_ATTR_CONVOLUTION_SPATIAL_DIMS) != 2 ||
      dilations != std::vector<int64_t>{1, 1} || pair(CUDNN_ATTR_CONVOLUTION_FILTER_STRIDES).size() != 2 ||
      pair(CUDNN_ATTR_CONVOLUTION_PRE_PADDINGS).size() != 2 ||
      pair(CUDNN_ATTR_CONVOLUTION_PRE_PADDINGS) != pair(CUDNN_ATTR_CONVOLUTION_POST_PADDINGS) ||
      it.value(CUDNN_ATTR_CONVOLUTION_CONV_MODE, CUDNN_CONVOLUTION) != CUDNN_CROSS_CORRELATION ||
      it.value(CUDNN_ATTR_CONVOLUTION_COMP_TYPE, CUDNN_DATA_HALF) != CUDNN_DATA_FLOAT) {
    return wrong("expected an undilated cross-correlation in floats, padded alike on opposite sides");
  }
  return CUDNN_STATUS_SUCCESS;
}

cudnnStatus_t finaliseOperation(const Node& it, const Names& names) {
  for (const auto name : {names.x, names.w, names.y, names.convolution, names.alpha, names.beta}) {
    if (!it.find(name)) return wrong("an operation lacks an attribute");
  }
  std::set<int64_t> ids;
  for (const auto name : {names.x, names.w, names.y}) {
    ids.insert(it.node(name)->value<int64_t>(CUDNN_ATTR_TENSOR_UNIQUE_ID));
  }
  if (ids.size() != 3) return wrong("tensors share an id");
  if (!convolutionOf(it, names).fits()) return wrong("the shapes do not fit");
  return CUDNN_STATUS_SUCCESS;
}

/** Takes the device from the handle that `name` holds. */
cudnnStatus_t bind(Node& it, cudnnBackendAttributeName_t name) {
  const auto handle = it.value<cudnnHandle_t>(name);
  if (!alive(handle, "cuDNN handle")) return wrong("a handle is missing");
  it.device = handle->device;
  return CUDNN_STATUS_SUCCESS;
}

cudnnStatus_t finaliseEngine(Node& it) {
  const NodePtr graph = it.node(CUDNN_ATTR_ENGINE_OPERATION_GRAPH);
  if (!graph || !it.find(CUDNN_ATTR_ENGINE_GLOBAL_INDEX)) return wrong("an engine lacks a graph or an index");
  it.engine = engineOf(it.value<int64_t>(CUDNN_ATTR_ENGINE_GLOBAL_INDEX));
  if (!it.engine) return CUDNN_STATUS_NOT_SUPPORTED;
  it.device = graph->device;
  it.attributes[CUDNN_ATTR_OPERATIONGRAPH_OPS].nodes = {graph->node(CUDNN_ATTR_OPERATIONGRAPH_OPS)};
  return CUDNN_STATUS_SUCCESS;
}

cudnnStatus_t finaliseConfiguration(Node& it) {
  const NodePtr engine = it.node(CUDNN_ATTR_ENGINECFG_ENGINE);
  if (!engine) return wrong("an engine configuration lacks an engine");
  const NodePtr knob = it.node(CUDNN_ATTR_ENGINECFG_KNOB_CHOICES);
  if (!knob ||
      knob->value(CUDNN_ATTR_KNOB_CHOICE_KNOB_TYPE, CUDNN_KNOB_TYPE_COUNTS) != CUDNN_KNOB_TYPE_TILE_SIZE ||
      knob->value<int64_t>(CUDNN_ATTR_KNOB_CHOICE_KNOB_VALUE) != engine->engine->tile()) {
    return wrong("an engine is not set as the heuristics said");
  }
  it.engine = engine->engine;
  it.device = engine->device;
  it.attributes[CUDNN_ATTR_OPERATIONGRAPH_OPS].nodes = {engine->node(CUDNN_ATTR_OPERATIONGRAPH_OPS)};
  return CUDNN_STATUS_SUCCESS;
}

cudnnStatus_t finalisePlan(Node& it) {
  const NodePtr configuration = it.node(CUDNN_ATTR_EXECUTION_PLAN_ENGINE_CONFIG);
  if (!configuration) return wrong("a plan lacks an engine configuration");
  if (const cudnnStatus_t status = bind(it, CUDNN_ATTR_EXECUTION_PLAN_HANDLE)) return status;
  it.engine = configuration->engine;
  if (it.device != configuration->device) return wrong("a plan for another device than its heuristics'");
  if (!it.engine->prepares) return CUDNN_STATUS_NOT_SUPPORTED;
  const NodePtr operation = configuration->node(CUDNN_ATTR_OPERATIONGRAPH_OPS);
  const Packed y = convolutionOf(*operation, *namesOf(operation->type)).y;
  // Different for each shape and engine, so that only the size that was asked for fits.
  it.workspace = 1024 + y.bytes() / static_cast<size_t>(y.n) + it.engine->extraWorkspace;
  it.attributes[CUDNN_ATTR_OPERATIONGRAPH_OPS].nodes = {operation};
  return CUDNN_STATUS_SUCCESS;
}

cudnnStatus_t finalise(Node& it) {
  switch (it.type) {
    case CUDNN_BACKEND_TENSOR_DESCRIPTOR:
      return finaliseTensor(it);
    case CUDNN_BACKEND_CONVOLUTION_DESCRIPTOR:
      return finaliseConvolution(it);
    case CUDNN_BACKEND_OPERATIONGRAPH_DESCRIPTOR:
      if (!it.node(CUDNN_ATTR_OPERATIONGRAPH_OPS)) return wrong("a graph lacks operations");
      return bind(it, CUDNN_ATTR_OPERATIONGRAPH_HANDLE);
    case CUDNN_BACKEND_ENGINEHEUR_DESCRIPTOR:
      if (!it.node(CUDNN_ATTR_ENGINEHEUR_OPERATION_GRAPH) || !it.find(CUDNN_ATTR_ENGINEHEUR_MODE)) {
        return wrong("heuristics lack a graph or a mode");
      }
      ++state().heuristics;
      return CUDNN_STATUS_SUCCESS;
    case CUDNN_BACKEND_ENGINE_DESCRIPTOR:
      return finaliseEngine(it);
    case CUDNN_BACKEND_KNOB_CHOICE_DESCRIPTOR:
      if (!it.find(CUDNN_ATTR_KNOB_CHOICE_KNOB_TYPE) || !it.find(CUDNN_ATTR_KNOB_CHOICE_KNOB_VALUE)) {
        return wrong("a knob lacks its type or value");
      }
      return CUDNN_STATUS_SUCCESS;
    case CUDNN_BACKEND_ENGINECFG_DESCRIPTOR:
      return finaliseConfiguration(it);
    case CUDNN_BACKEND_EXECUTION_PLAN_DESCRIPTOR:
      return finalisePlan(it);
    case CUDNN_BACKEND_DEVICEPROP_DESCRIPTOR:
      return bind(it, CUDNN_ATTR_DEVICEPROP_HANDLE);
    case CUDNN_BACKEND_VARIANT_PACK_DESCRIPTOR:
      if (it.values<int64_t>(CUDNN_ATTR_VARIANT_PACK_UNIQUE_IDS).size() !=
              it.values<void*>(CUDNN_ATTR_VARIANT_PACK_DATA_POINTERS).size() ||
          !it.find(CUDNN_ATTR_VARIANT_PACK_WORKSPACE)) {
        return wrong("a variant pack lacks a pointer");
      }
      return CUDNN_STATUS_SUCCESS;
    default:
      if (const auto names = namesOf(it.type)) return finaliseOperation(it, *names);
      return CUDNN_STATUS_NOT_SUPPORTED;
  }
}

// ---- Reading ---------------------------------------------------------------------------------------------

template <typename T>
cudnnStatus_t give(const std::vector<T>& values, int64_t wanted, int64_t* count, void* out) {
  *count = static_cast<int64_t>(values.size());
  if (wanted == 0) return CUDNN_STATUS_SUCCESS;
  *count = std::min(*count, wanted);
  std::memcpy(out, values.data(), static_cast<size_t>(*count) * sizeof(T));
  return CUDNN_STATUS_SUCCESS;
}

/** Into descriptors that the caller has made. */
cudnnStatus_t give(const std::vector<std::shared_ptr<Node>>& nodes, int64_t wanted, int64_t* count,
                   void* out) {
  *count = static_cast<int64_t>(nodes.size());
  if (wanted == 0) return CUDNN_STATUS_SUCCESS;
  *count = std::min(*count, wanted);
  for (int64_t i = 0; i < *count; ++i) {
    Backend* const backend =
        backendOf(static_cast<cudnnBackendDescriptor_t*>(out)[i], "cudnnBackendGetAttribute");
    if (!backend || backend->node->type != nodes[static_cast<size_t>(i)]->type) return CUDNN_STATUS_BAD_PARAM;
    backend->node = nodes[static_cast<size_t>(i)];
  }
  return CUDNN_STATUS_SUCCESS;
}

std::vector<std::shared_ptr<Node>> configurationsOf(const Node& heuristics) {
  const NodePtr graph = heuristics.node(CUDNN_ATTR_ENGINEHEUR_OPERATION_GRAPH);
  std::vector<std::shared_ptr<Node>> all;
  for (const Engine& engine : engines(heuristics.value(CUDNN_ATTR_ENGINEHEUR_MODE, CUDNN_HEUR_MODE_A))) {
    const auto node = std::make_shared<Node>(Node{CUDNN_BACKEND_ENGINECFG_DESCRIPTOR, true, {}});
    node->engine = &engine;
    node->device = graph->device;
    node->attributes[CUDNN_ATTR_OPERATIONGRAPH_OPS].nodes = {graph->node(CUDNN_ATTR_OPERATIONGRAPH_OPS)};
    all.push_back(node);
  }
  return all;
}

/** Whether a plan may run on these operands; a violation where not. */
bool fits(const char* call, cudnnHandle_t handle, const Node& plan, const std::vector<void*>& pointers,
          int64_t alignment) {
  const auto broken = [call](const char* what) {
    violation(std::string(call) + ": " + what);
    return false;
  };
  if (plan.device != handle->device) return broken("the plan is for another device");
  if (unfit(*plan.engine)) return broken("an engine that is not reproducible, loses digits or compiles");
  for (const void* pointer : pointers) {
    if (!pointer) return broken("an operand is missing");
    if (reinterpret_cast<uintptr_t>(pointer) % static_cast<uintptr_t>(alignment)) {
      return broken("an operand is aligned worse than described");
    }
  }
  return true;
}

}  // namespace
}  // namespace standin

using namespace standin;

cudnnStatus_t cudnnBackendCreateDescriptor(cudnnBackendDescriptorType_t type,
                                           cudnnBackendDescriptor_t* descriptor) {
  auto* const backend = new Backend{std::make_shared<Node>(Node{type, false, {}})};
  born(backend, kKind);
  *descriptor = backend;
  return CUDNN_STATUS_SUCCESS;
}

cudnnStatus_t cudnnBackendDestroyDescriptor(cudnnBackendDescriptor_t descriptor) {
  return destroy(static_cast<Backend*>(descriptor), kKind);
}

cudnnStatus_t cudnnBackendFinalize(cudnnBackendDescriptor_t descriptor) {
  Backend* const backend = backendOf(descriptor, "cudnnBackendFinalize");
  if (!backend) return CUDNN_STATUS_BAD_PARAM;
  const cudnnStatus_t status = finalise(*backend->node);
  backend->node->finalised = status == CUDNN_STATUS_SUCCESS;
  return status;
}

cudnnStatus_t cudnnBackendSetAttribute(cudnnBackendDescriptor_t descriptor, cudnnBackendAttributeName_t name,
                                       cudnnBackendAttributeType_t type, int64_t count, const void* values) {
  constexpr const char* kCall = "cudnnBackendSetAttribute";
  Backend* const backend = backendOf(descriptor, kCall);
  if (!backend) return CUDNN_STATUS_BAD_PARAM;
  if (backend->node->finalised) return mismatch(kCall, "the descriptor is finalised");
  Attribute attribute{type, count, {}, {}};
  const auto* const bytes = static_cast<const char*>(values);
  attribute.bytes.assign(bytes, bytes + static_cast<size_t>(count) * sizeOf(type));
  if (type == CUDNN_TYPE_BACKEND_DESCRIPTOR) {
    for (int64_t i = 0; i < count; ++i) {
      const Backend* const other = backendOf(static_cast<const cudnnBackendDescriptor_t*>(values)[i], kCall);
      if (!other) return CUDNN_STATUS_BAD_PARAM;
      if (!other->node->finalised) {
        violation(std::string(kCall) + " with a descriptor that was not finalised");
        return CUDNN_STATUS_BAD_PARAM_NOT_FINALIZED;
      }
      attribute.nodes.push_back(other->node);
    }
  }
  backend->node->attributes[name] = std::move(attribute);
  return CUDNN_STATUS_SUCCESS;
}

cudnnStatus_t cudnnBackendGetAttribute(cudnnBackendDescriptor_t const descriptor,
                                       cudnnBackendAttributeName_t name, cudnnBackendAttributeType_t,
                                       int64_t wanted, int64_t* count, void* out) {
  constexpr const char* kCall = "cudnnBackendGetAttribute";
  const Backend* const backend = backendOf(descriptor, kCall);
  if (!backend) return CUDNN_STATUS_BAD_PARAM;
  const Node& node = *backend->node;
  if (!node.finalised) {
    violation(std::string(kCall) + " of a descriptor that was not finalised");
    return CUDNN_STATUS_BAD_PARAM_NOT_FINALIZED;
  }
  switch (name) {
    case CUDNN_ATTR_ENGINEHEUR_RESULTS:
      return give(configurationsOf(node), wanted, count, out);
    case CUDNN_ATTR_ENGINECFG_ENGINE: {
      const auto engine = std::make_shared<Node>(Node{CUDNN_BACKEND_ENGINE_DESCRIPTOR, true, {}});
      engine->engine = node.engine;
      return give(std::vector{engine}, wanted, count, out);
    }
    case CUDNN_ATTR_ENGINECFG_KNOB_CHOICES: {
      // The real one tells no number beforehand, either.
      if (wanted == 0) {
        *count = 0;
        return CUDNN_STATUS_SUCCESS;
      }
      const auto knob = std::make_shared<Node>(Node{CUDNN_BACKEND_KNOB_CHOICE_DESCRIPTOR, true, {}});
      knob->engine = node.engine;
      return give(std::vector{knob}, wanted, count, out);
    }
    case CUDNN_ATTR_KNOB_CHOICE_KNOB_TYPE:
      return give(std::vector{CUDNN_KNOB_TYPE_TILE_SIZE}, wanted, count, out);
    case CUDNN_ATTR_KNOB_CHOICE_KNOB_VALUE:
      return give(std::vector{node.engine->tile()}, wanted, count, out);
    case CUDNN_ATTR_ENGINE_NUMERICAL_NOTE:
      return give(node.engine->numerics, wanted, count, out);
    case CUDNN_ATTR_ENGINE_BEHAVIOR_NOTE:
      return give(node.engine->behaviour, wanted, count, out);
    case CUDNN_ATTR_ENGINE_GLOBAL_INDEX:
      return give(std::vector{node.engine->index}, wanted, count, out);
    case CUDNN_ATTR_DEVICEPROP_JSON_REPRESENTATION: {
      const std::string text = R"({"cudaDeviceId":)" + std::to_string(node.device) + "}";
      return give(std::vector<char>(text.begin(), text.end()), wanted, count, out);
    }
    case CUDNN_ATTR_EXECUTION_PLAN_WORKSPACE_SIZE:
      return give(std::vector{static_cast<int64_t>(node.workspace)}, wanted, count, out);
    default:
      return CUDNN_STATUS_NOT_SUPPORTED;
  }
}

cudnnStatus_t cudnnBackendExecute(cudnnHandle_t handle, cudnnBackendDescriptor_t planDescriptor,
                                  cudnnBackendDescriptor_t packDescriptor) {
  constexpr const char* kCall = "cudnnBackendExecute";
  if (!alive(handle, "cuDNN handle")) return CUDNN_STATUS_NOT_INITIALIZED;
  const Use use(*handle, kCall);
  const Backend* const planned = backendOf(planDescriptor, kCall);
  const Backend* const given = backendOf(packDescriptor, kCall);
  if (!planned || !given) return CUDNN_STATUS_BAD_PARAM;
  const Node &plan = *planned->node, &pack = *given->node;
  if (!plan.finalised || !pack.finalised) {
    violation(std::string(kCall) + " of a plan or a variant pack that was not finalised");
    return CUDNN_STATUS_BAD_PARAM_NOT_FINALIZED;
  }
  const NodePtr operation = plan.node(CUDNN_ATTR_OPERATIONGRAPH_OPS);
  const Names names = *namesOf(operation->type);
  const auto ids = pack.values<int64_t>(CUDNN_ATTR_VARIANT_PACK_UNIQUE_IDS);
  const auto pointers = pack.values<void*>(CUDNN_ATTR_VARIANT_PACK_DATA_POINTERS);
  std::vector<void*> operands;
  int64_t alignment = 1;
  for (const auto name : {names.x, names.w, names.y}) {
    const NodePtr tensor = operation->node(name);
    const auto place = std::find(ids.begin(), ids.end(), tensor->value<int64_t>(CUDNN_ATTR_TENSOR_UNIQUE_ID));
    operands.push_back(place == ids.end() ? nullptr : pointers[static_cast<size_t>(place - ids.begin())]);
    alignment = std::max(alignment, tensor->value<int64_t>(CUDNN_ATTR_TENSOR_BYTE_ALIGNMENT));
  }
  if (!fits(names.call, handle, plan, operands, alignment)) return CUDNN_STATUS_BAD_PARAM;
  const Convolution convolution = convolutionOf(*operation, names);
  void* const workspace = pack.value<void*>(CUDNN_ATTR_VARIANT_PACK_WORKSPACE);
  const Packed tensors[] = {convolution.x, convolution.w, convolution.y};
  constexpr const char* kNames[] = {"x", "w", "y"};
  std::vector<Range> ranges{{"the workspace", workspace, plan.workspace, true}};
  for (size_t i = 0; i < 3; ++i) {
    ranges.push_back({kNames[i], operands[i], tensors[i].bytes(), i == names.written});
  }
  if (!sound(names.call, handle->device, ranges)) return CUDNN_STATUS_BAD_PARAM;
  if (!plan.engine->runs) return CUDNN_STATUS_NOT_SUPPORTED;
  const bool tf32 = plan.engine->has(CUDNN_NUMERICAL_NOTE_TENSOR_CORE);
  auto* const x = static_cast<float*>(operands[0]);
  auto* const w = static_cast<float*>(operands[1]);
  auto* const y = static_cast<float*>(operands[2]);
  std::string kind(" ");
  kind.append(std::to_string(plan.engine->index)).append(convolution.sizes());
  return enqueue(handle, names.call, kind, std::move(ranges),
                 [=, written = names.written, bytes = plan.workspace] {
                   std::memset(workspace, 0xff, bytes);
                   if (written == 2) convolution.forward(tf32, x, w, y);
                   if (written == 0) convolution.backwardData(tf32, x, w, y);
                   if (written == 1) convolution.backwardFilter(tf32, x, w, y);
                 });
}
