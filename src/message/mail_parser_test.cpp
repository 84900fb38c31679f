// The messages of Stalwart's mail-parser with its own trees (tests/vectors/mime/mail-parser, MIT): types and decoded
// texts.
#include <algorithm>
#include <boost/json.hpp>
#include <filesystem>

#include "base/text.h"
#include "message/coding.h"
#include "message/content.h"
#include "message/structure.h"
#include "support/test.h"

using namespace angarium;
using namespace angarium::message;
namespace json = boost::json;

namespace {

/// That parser ends lines with LF in what it decodes.
std::string with_lf(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i)
    if (text[i] != '\r' || i + 1 == text.size() || text[i + 1] != '\n') out += text[i];
  return out;
}

/// Leaves in order, a string each; enclosed messages in place.
void expected_leaves(const json::object& message, std::vector<std::string>& out) {
  for (const json::value& part : message.at("parts").as_array()) {
    const json::value& body = part.at("body");
    if (!body.is_object()) {
      out.emplace_back(body.as_string());
      continue;
    }
    const auto& [kind, value] = *body.as_object().begin();
    if (kind == "Text" || kind == "Html") {
      out.emplace_back(value.as_string());
    } else if (kind == "Message") {
      expected_leaves(value.as_object(), out);
    } else if (kind != "Multipart") {
      std::string octets;
      for (const json::value& octet : value.as_array()) octets += static_cast<char>(octet.as_int64());
      out.push_back(std::move(octets));
    }
  }
}

void leaves(std::string_view message, std::vector<std::string>& out) {
  const Structure s = parse_structure(message);
  for (const Part& part : s.parts) {
    if (part.kind == PartKind::multipart && part.first_child == kNoPart) out.emplace_back(part.body().of(message));
    if (part.kind != PartKind::leaf) continue;
    if (part.has(Defect::encoded_composite))
      leaves(decoded_content(part, message), out);
    else if (part.encoding == Encoding::uuencode)
      out.emplace_back(part.body().of(message));  // that parser leaves x-tokens alone
    else if (s.is_type(part, message, "text"))
      out.push_back(part_text(s, part, message));
    else
      out.push_back(decoded_content(part, message));
  }
}

}  // namespace

/// Messages of which that parser makes something else, and why we do not.
struct Exception {
  std::string_view name;
  std::string_view why;
};
constexpr Exception kExceptions[] = {
    {"rfc/000", "RFC 2045 §6.8: octets outside the alphabet are ignored; it gives up and shows the encoded text"},
    {"malformed/000", "RFC 2046 §5.1.1: each delimiter begins a part, an empty one too; it finds none"},
    {"malformed/001", "RFC 2046 §5.1.2: the outer delimiter ends the inner multipart, whose own then means nothing"},
    {"malformed/007", "RFC 2046 §5.1.1: one delimiter is one part; it adds one for what follows the last"},
    {"malformed/009", "RFC 2046 §5.1.2: the outer delimiter counts within the inner multipart"},
    {"malformed/011", "RFC 2046 §5.1.2: as before"},
    {"malformed/012", "RFC 2046 §5.1.2: as before"},
    {"malformed/013", "RFC 2046 §5.1.1: a last delimiter begins a part, though an empty one"},
    {"malformed/014", "RFC 2046 §5.1.1: as before"},
    {"malformed/016", "RFC 2046 §5.1.2: an outer delimiter ends the inner multiparts; it goes on matching theirs"},
    {"malformed/019", "a fuzzer's: delimiters within overwritten headers; RFC 2046 §5.1.2 as before"},
    {"malformed/020", "RFC 2045 §3: one Content-Type a part; of two, the first counts here, the last there"},
    {"malformed/021", "RFC 2045 §3: as before"},
    {"legacy/049", "a CR behind the last line end is part of the body; it drops it"},
    {"legacy/026", "an x-uuencode body is compared as it stands, which it takes for UTF-8"},
};

bool is_exception(std::string_view path) {
  return std::any_of(std::begin(kExceptions), std::end(kExceptions),
                     [path](const Exception& each) { return path.ends_with(std::string(each.name) + ".eml"); });
}

TEST_CASE("mail-parser: decoded leaves are as expected, or an RFC says otherwise") {
  std::size_t same = 0;
  for (const auto& entry :
       std::filesystem::recursive_directory_iterator(angarium::test::tests_path("vectors/mime/mail-parser"))) {
    if (entry.path().extension() != ".eml") continue;
    CAPTURE(entry.path().string());
    auto expected_path = entry.path();
    expected_path.replace_extension(".json");
    std::vector<std::string> expected;
    expected_leaves(json::parse(angarium::test::read_file(expected_path)).as_object(), expected);
    std::vector<std::string> found;
    leaves(angarium::test::read_file(entry.path()), found);
    for (auto* each : {&found, &expected})
      for (std::string& leaf : *each) leaf = with_lf(leaf);
    CHECK((found == expected) != is_exception(entry.path().string()));
    same += found == expected ? 1 : 0;
  }
  CHECK(same == 72);
}
