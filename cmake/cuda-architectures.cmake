# The GPUs that the CUDA backend has machine code for, of those that nvcc knows: Turing to Blackwell, and Pascal and Volta
# where it still does. Newer ones compile the PTX of 9.0 at the first start.

# Sets `result` to a list for CMAKE_CUDA_ARCHITECTURES, from what `nvcc --list-gpu-arch` prints.
function(cuda_architectures known result)
  set(list "")
  foreach(capability 60 61 70 75 80 86 89 90 100 120)
    if("${known}" MATCHES "compute_${capability}([^0-9]|$)")
      list(APPEND list ${capability}-real)
    endif()
  endforeach()
  list(APPEND list 90-virtual)
  set(${result} "${list}" PARENT_SCOPE)
endfunction()
