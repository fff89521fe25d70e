{
  # node-gyp finds its way to the one build, CMakeLists.txt through cmake-js. Its own products go to build/gyp, because
  # the make generator's Makefile and CMake's would overwrite each other in build/.
  "targets": [
    {
      "target_name": "convsweep",
      "type": "none",
      "actions": [
        {
          "action_name": "build-native",
          "inputs": ["CMakeLists.txt"],
          "outputs": ["build/Release/convsweep_cpu.node"],
          "action": ["node", "scripts/build-native.mjs"]
        }
      ]
    }
  ]
}
