#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "base/text.h"
#include "message/fields.h"
#include "message/header.h"
#include "message/trace_fields.h"

using namespace angarium;
using namespace angarium::message;

// No value stops a reader; whatever a client calls itself, the Received field stays one field with our name in it.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  (void)parse_message_ids(input);
  (void)parse_words(input);
  (void)parse_uri(input);
  (void)parse_urls(input);
  (void)parse_list_id(input);
  (void)parse_received(input);
  (void)known_field(input);
  for (const auto& phrase : parse_phrases(input)) {
    if (!valid_utf8(phrase)) std::abort();
  }
  ReceivedFacts facts{.helo = input,
                      .peer_name = {},
                      .peer_literal = "[192.0.2.1]",
                      .by = "mx.example",
                      .with = {},
                      .tls = {},
                      .id = "id",
                      .for_path = {},
                      .date = {}};
  const std::string field = compose_received(facts);
  HeaderReader reader(field);
  const auto read = reader.next();
  if (!read || reader.next() || reader.position() != field.size()) std::abort();
  if (parse_received(read->value).by != "mx.example" || parse_received(read->value).id != "id") std::abort();
  return 0;
}
