# convsweep_cudasim.node: the whole CUDA backend, compiled for the host, over a stand-in for the CUDA runtime, cuDNN and
# cuBLAS. For tests on machines without a GPU; `npm run build:standin` builds it, nothing installs it.

file(GLOB standin CONFIGURE_DEPENDS test/native/standin/*.cc)
file(GLOB cuda_on_host CONFIGURE_DEPENDS native/cuda/*.cc native/cuda/*.cu)
addon(convsweep_cudasim ${cuda_on_host} ${standin})
foreach(source IN LISTS cuda_on_host)
  if(source MATCHES "\\.cu$")
    set_source_files_properties(${source} PROPERTIES LANGUAGE CXX COMPILE_OPTIONS "-xc++")
  endif()
endforeach()
# Loops of sums may be reordered: they are references, not bit patterns.
set_source_files_properties(test/native/standin/dnn.cc test/native/standin/convolution.cc
  test/native/standin/blas.cc PROPERTIES
  COMPILE_OPTIONS "-fno-math-errno;-fassociative-math;-fno-signed-zeros;-fno-trapping-math")
target_include_directories(convsweep_cudasim BEFORE PRIVATE test/native test/native/standin)
target_compile_definitions(convsweep_cudasim PRIVATE CONVSWEEP_CUDA_STANDIN)

# Whether the stand-in notices what it is there to notice.
list(FILTER standin EXCLUDE REGEX "hooks\\.cc$")
add_executable(standin_rules test/native/rules/rules.cc ${standin})
target_link_libraries(standin_rules PRIVATE settings Threads::Threads)
target_include_directories(standin_rules BEFORE PRIVATE test/native test/native/standin)
set_target_properties(standin_rules PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_LIBRARY_OUTPUT_DIRECTORY})
add_dependencies(convsweep_cudasim standin_rules)
