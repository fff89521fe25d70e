# convsweep_cudasim.node: the whole CUDA backend, compiled for the host, over a stand-in for the CUDA runtime, cuDNN and
# cuBLAS. For tests on machines without a GPU; `npm run build:standin` builds it, nothing installs it.

file(GLOB standin CONFIGURE_DEPENDS test/native/standin/*.cc)
list(FILTER standin EXCLUDE REGEX "hooks\\.cc$")
file(GLOB cuda_on_host CONFIGURE_DEPENDS native/cuda/*.cc native/cuda/*.cu)
foreach(source IN LISTS cuda_on_host)
  if(source MATCHES "\\.cu$")
    set_source_files_properties(${source} PROPERTIES LANGUAGE CXX COMPILE_OPTIONS "-xc++")
  endif()
endforeach()
# Loops of sums may be reordered: they are references, not bit patterns.
set_source_files_properties(test/native/standin/dnn.cc test/native/standin/convolution.cc
  test/native/standin/blas.cc PROPERTIES
  COMPILE_OPTIONS "-fno-math-errno;-fassociative-math;-fno-signed-zeros;-fno-trapping-math")

# For what includes NVIDIA's headers.
function(over_standin target)
  target_include_directories(${target} BEFORE PRIVATE test/native test/native/standin)
  target_compile_definitions(${target} PRIVATE CONVSWEEP_CUDA_STANDIN)
endfunction()

add_library(standin OBJECT ${standin})
add_library(cuda_over_standin OBJECT ${cuda_on_host})
foreach(target standin cuda_over_standin)
  target_link_libraries(${target} PRIVATE settings)
  over_standin(${target})
endforeach()

addon(convsweep_cudasim test/native/standin/hooks.cc $<TARGET_OBJECTS:standin> $<TARGET_OBJECTS:cuda_over_standin>)
over_standin(convsweep_cudasim)

# Whether the stand-in notices what it is there to notice, and bench/gpu/probe over it.
add_executable(standin_rules test/native/rules/rules.cc $<TARGET_OBJECTS:standin>)
add_executable(standin_probe ${probe} ${engine} $<TARGET_OBJECTS:standin> $<TARGET_OBJECTS:cuda_over_standin>)
target_include_directories(standin_probe PRIVATE .)
foreach(program standin_rules standin_probe)
  over_standin(${program})
  target_link_libraries(${program} PRIVATE settings Threads::Threads)
  set_target_properties(${program} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_LIBRARY_OUTPUT_DIRECTORY})
  add_dependencies(convsweep_cudasim ${program})
endforeach()
