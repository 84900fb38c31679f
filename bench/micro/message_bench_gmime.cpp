// GMime 3 over the same corpus: parse only, and parse with every leaf decoded.
#include <benchmark/benchmark.h>
#include <gmime/gmime.h>

#include "message_bench.h"

namespace angarium::bench {
namespace {

void decode_part(GMimeObject*, GMimeObject* part, gpointer sink) {
  if (!GMIME_IS_PART(part)) return;
  if (GMimeDataWrapper* content = g_mime_part_get_content(GMIME_PART(part)); content != nullptr)
    g_mime_data_wrapper_write_to_stream(content, static_cast<GMimeStream*>(sink));
}

void pass_part(GMimeObject*, GMimeObject*, gpointer) {}

void run(benchmark::State& state, GMimeObjectForeachFunc each) {
  static const bool ready = (g_mime_init(), true);
  benchmark::DoNotOptimize(ready);
  GMimeStream* sink = g_mime_stream_null_new();
  for (auto _ : state) {
    for (const std::string& message : corpus()) {
      GMimeStream* stream = g_mime_stream_mem_new_with_buffer(message.data(), message.size());
      GMimeParser* parser = g_mime_parser_new_with_stream(stream);
      g_object_unref(stream);
      GMimeMessage* parsed = g_mime_parser_construct_message(parser, nullptr);
      g_object_unref(parser);
      g_mime_message_foreach(parsed, each, sink);
      g_object_unref(parsed);
    }
  }
  g_object_unref(sink);
  state.SetBytesProcessed(state.iterations() * corpus_octets());
  state.SetItemsProcessed(state.iterations() * static_cast<std::int64_t>(corpus().size()));
}

void gmime_parse(benchmark::State& state) { run(state, pass_part); }
BENCHMARK(gmime_parse);

void gmime_parse_and_decode(benchmark::State& state) { run(state, decode_part); }
BENCHMARK(gmime_parse_and_decode);

}  // namespace
}  // namespace angarium::bench
