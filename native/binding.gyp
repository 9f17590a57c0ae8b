# SPDX-License-Identifier: MIT
# The addon of CMakeLists.txt for hosts without CMake: the same sources, the same flags. `npm run build:gyp` builds it.
{
  "variables": { "gen": "<(SHARED_INTERMEDIATE_DIR)/gen" },
  "targets": [
    {
      "target_name": "skeleton",
      "type": "none",
      "actions": [
        {
          "action_name": "object",
          "message": "Compiling the eBPF object",
          "inputs": ["<!@(ls ../bpf/*.[ch] ../core/*.h)"],
          "outputs": ["<(gen)/probe.bpf.o"],
          "action": [
            "clang", "-g", "-O2", "-Wall", "-Wextra", "-Werror", "-Wno-unused-parameter", "-target", "bpf", "-mcpu=v3",
            "-I/usr/include/<!(gcc -print-multiarch)", "-c", "../bpf/probe.bpf.c", "-o", "<@(_outputs)"
          ]
        },
        {
          "action_name": "header",
          "message": "Generating the skeleton",
          "inputs": ["<(gen)/probe.bpf.o"],
          "outputs": ["<(gen)/probe.skel.h"],
          "action": ["sh", "-c", "PATH=$PATH:/usr/sbin bpftool gen skeleton <(gen)/probe.bpf.o name probe > <@(_outputs)"]
        }
      ],
      "direct_dependent_settings": { "include_dirs": ["<(gen)"] }
    },
    {
      "target_name": "rtcprobe",
      "dependencies": ["skeleton"],
      "sources": ["<!@(ls *.cc)"],
      "include_dirs": ["."],
      "defines": ["NAPI_VERSION=9", "NAPI_CPP_EXCEPTIONS"],
      "cflags": ["-Wall", "-Wextra", "-Werror", "-fvisibility=hidden"],
      "cflags_cc": [
        "-std=c++20", "-fexceptions", "<!@(pkg-config --cflags libbpf)",
        "-isystem<!(node -p \"require('node:path').resolve(require('node-addon-api').include_dir)\")"
      ],
      "cflags_cc!": ["-fno-exceptions", "-fno-rtti", "-std=gnu++17", "-std=gnu++20"],
      "libraries": ["<!@(pkg-config --libs libbpf)"],
      "ldflags": ["-static-libstdc++", "-static-libgcc", "-Wl,--exclude-libs,ALL", "-Wl,-z,now,-z,relro", "-pthread"]
    }
  ]
}
