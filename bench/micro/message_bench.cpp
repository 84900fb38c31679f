// The structure parser over a corpus, beside memchr for each line (what no line-wise parser can beat) and, where it is
// installed, GMime (message_bench_gmime.cpp). Rates are octets of messages a CPU second of one thread.
//
//   bench/load/mkcorpus.py CORPUS 1000 1
//   MESSAGE_CORPUS=CORPUS build/release/bench/micro/message_bench
#include "message_bench.h"

#include <benchmark/benchmark.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>

#include "message/coding.h"
#include "message/dots.h"
#include "message/structure.h"

namespace angarium::bench {

const std::vector<std::string>& corpus() {
  static const std::vector<std::string> messages = [] {
    const char* directory = std::getenv("MESSAGE_CORPUS");
    if (directory == nullptr) {
      std::fputs("set MESSAGE_CORPUS to a directory made by bench/load/mkcorpus.py\n", stderr);
      std::exit(2);
    }
    std::vector<std::filesystem::path> paths;
    for (const auto& entry : std::filesystem::directory_iterator(directory))
      if (entry.path().extension() == ".eml") paths.push_back(entry.path());
    std::sort(paths.begin(), paths.end());
    std::vector<std::string> read;
    for (const auto& path : paths) {
      std::ifstream file(path, std::ios::binary);
      read.emplace_back(std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>());
    }
    return read;
  }();
  return messages;
}

std::int64_t corpus_octets() {
  std::int64_t total = 0;
  for (const std::string& message : corpus()) total += static_cast<std::int64_t>(message.size());
  return total;
}

namespace {

template <class Work>
void over_corpus(benchmark::State& state, Work work) {
  for (auto _ : state)
    for (const std::string& message : corpus()) work(message);
  state.SetBytesProcessed(state.iterations() * corpus_octets());
  state.SetItemsProcessed(state.iterations() * static_cast<std::int64_t>(corpus().size()));
}

void memchr_lines(benchmark::State& state) {
  over_corpus(state, [](const std::string& message) {
    std::size_t lines = 0;
    const char* end = message.data() + message.size();
    for (const char* p = message.data(); p < end; ++lines) {
      const void* lf = std::memchr(p, '\n', static_cast<std::size_t>(end - p));
      p = lf == nullptr ? end : static_cast<const char*>(lf) + 1;
    }
    benchmark::DoNotOptimize(lines);
  });
}
BENCHMARK(memchr_lines);

void structure(benchmark::State& state) {
  over_corpus(state, [](const std::string& message) {
    benchmark::DoNotOptimize(message::parse_structure(message).parts.data());
  });
}
BENCHMARK(structure);

void structure_in_16k_chunks(benchmark::State& state) {
  over_corpus(state, [](const std::string& message) {
    message::StructureParser parser;
    for (std::size_t at = 0; at < message.size(); at += 16384) parser.feed(std::string_view(message).substr(at, 16384));
    benchmark::DoNotOptimize(parser.finish().parts.data());
  });
}
BENCHMARK(structure_in_16k_chunks);

void structure_stored_form(benchmark::State& state) {
  over_corpus(state, [](const std::string& message) {
    benchmark::DoNotOptimize(message::serialize(message::parse_structure(message)).data());
  });
}
BENCHMARK(structure_stored_form);

void structure_and_decode(benchmark::State& state) {
  std::string out;
  over_corpus(state, [&out](const std::string& message) {
    const message::Structure found = message::parse_structure(message);
    for (const message::Part& part : found.parts) {
      if (part.kind != message::PartKind::leaf) continue;
      out.clear();
      message::TransferDecoder decoder(part.encoding);
      decoder.feed(part.body().of(message), out);
      decoder.finish(out);
      benchmark::DoNotOptimize(out.data());
    }
  });
}
BENCHMARK(structure_and_decode);

void dots_read(benchmark::State& state) {
  over_corpus(state, [](const std::string& message) {
    message::DotReader reader;
    std::string_view input = message;
    std::size_t octets = 0;
    while (!input.empty() && !reader.ended()) octets += reader.take(input).size();
    benchmark::DoNotOptimize(octets);
  });
}
BENCHMARK(dots_read);

void dots_write(benchmark::State& state) {
  over_corpus(state, [](const std::string& message) {
    message::DotWriter writer;
    std::string_view input = message;
    std::size_t octets = 0;
    while (!input.empty()) octets += writer.take(input).size();
    benchmark::DoNotOptimize(octets);
  });
}
BENCHMARK(dots_write);

}  // namespace
}  // namespace angarium::bench

BENCHMARK_MAIN();
