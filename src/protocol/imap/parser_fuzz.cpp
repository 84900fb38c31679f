// Every production on any octets: none may fail to end, read beyond the command or build what it then refuses to write.
#include <cstdlib>

#include "protocol/imap/mailbox_name.h"
#include "protocol/imap/parser.h"
#include "protocol/imap/writer.h"

using namespace angarium;
using namespace angarium::protocol::imap;

namespace {

void require(bool holds) {
  if (!holds) std::abort();
}

void names(std::string_view text) {
  if (const auto name = from_modified_utf7(text)) require(to_modified_utf7(*name) == text);
  for (const auto form : {NameForm::utf8, NameForm::modified_utf7}) {
    const auto name = decode_mailbox_name(text, form);
    if (!name) continue;
    // What was read is written so that it is read again as the same.
    std::string out;
    append_mailbox(out, *name, form);
    require(Parser(out, form).mailbox().value() == *name);
    matches_pattern("*a%b*", *name);
  }
}

void sections(const FetchProgram& program) {
  for (const auto& item : program.sections) {
    std::string out = "BODY[";
    append_section(out, item.section);
    const auto again = Parser(out + "]").fetch_attributes();
    require(again.has_value() && again->sections.front().section == item.section);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const char* data, std::size_t size) {
  if (size == 0) return 0;
  const std::string_view text(data + 1, size - 1);
  Parser parser(text, (data[0] & 16) != 0 ? NameForm::utf8 : NameForm::modified_utf7);
  switch (data[0] & 15) {
    case 0:
      if (const auto program = parser.fetch_attributes()) sections(*program);
      break;
    case 1: (void)parser.search_program(); break;
    case 2: (void)parser.list_arguments(); break;
    case 3: (void)parser.status_attributes(); break;
    case 4:
      if (const auto set = parser.sequence_set()) require(set->resolve(7).max() <= set->largest(7));
      break;
    case 5: (void)parser.flag_list(); break;
    case 6: (void)parser.date_time(); break;
    case 7:
      if (const auto string = parser.astring()) {
        std::string out;
        append_astring(out, *string, message::ImapForm::utf8);
        require(Parser(out).astring().value() == *string);
      }
      break;
    case 8: names(text); break;
    case 9:
      (void)Parser(text).list_mailbox();
      (void)parser.date();
      break;
    case 10:
      if (const auto program = parser.sort_program()) require(program->criteria.size() <= 9);
      break;
    case 11: (void)parser.thread_algorithm(); break;
    case 12:
      if (const auto range = parser.partial_range()) {
        const auto places = range->of(7);
        require(places.begin <= places.end && places.end <= 7);
      }
      break;
    case 13:
      if (std::string name; const auto query = parser.getmetadata_arguments(name)) require(!query->entries.empty());
      break;
    case 14:
      if (const auto changes = parser.entry_values()) {
        // A name that was read is read again as the same.
        for (const auto& [entry, value] : *changes) {
          std::string out;
          append_astring(out, entry, message::ImapForm::ascii);
          require(Parser(out).entries().value() == std::vector{entry});
        }
      }
      break;
    case 15: {
      auto filters = std::make_shared<const std::vector<Annotation>>(
          std::vector<Annotation>{{"/private/filters/values/a", std::make_shared<const std::string>(text)}});
      Parser search("FILTER a");
      search.use_filters(std::move(filters));
      const bool found = search.search_program().has_value();
      // What can be used may be kept.
      require(!found || Parser(text, NameForm::utf8).filter_value().has_value());
      break;
    }
    default: break;
  }
  return 0;
}
