#include "protocol/imap/parser.h"

#include "protocol/imap/limits.h"
#include "support/test.h"

using namespace angarium;
using namespace angarium::protocol::imap;

namespace {

template <class Production>
auto parse(std::string_view text, Production production, NameForm names = NameForm::modified_utf7) {
  Parser parser(text, names);
  auto value = (parser.*production)();
  if (value && !parser.at_end()) value = parser.expected("end");
  return value;
}

std::string repeated(std::string_view text, std::size_t times) {
  std::string all;
  for (std::size_t i = 0; i < times; ++i) all += text;
  return all;
}

}  // namespace

TEST_CASE("RFC 9051 §9: strings") {
  CHECK(*parse("atom", &Parser::astring) == "atom");
  CHECK(*parse("a]b", &Parser::astring) == "a]b");
  CHECK(*parse("\"a \\\"b\\\\\"", &Parser::astring) == "a \"b\\");
  CHECK(*parse("\"\"", &Parser::astring).value().c_str() == '\0');
  CHECK(*parse("{3}\r\na\r\n", &Parser::astring) == "a\r\n");
  CHECK(*parse("{0+}\r\n", &Parser::astring) == "");
  CHECK(*parse("\"\xC3\xBC\"", &Parser::astring) == "\xC3\xBC");
  for (auto wrong : {"", "(", "\"a", "\"a\\n\"", "\"\xFF\"", "{4}\r\nabc", "{3}abc", "{x {3}\r\nabc", "~{3}\r\nabc",
                     "a b", "a\"", "\xC3\xBC", "%", "*", "\\a"})
    CHECK_MESSAGE(!parse(wrong, &Parser::astring), wrong);
  CHECK_FALSE(parse(std::string_view("{1}\r\n\0", 6), &Parser::astring));
  CHECK_FALSE(parse(std::string_view("\"\0\"", 3), &Parser::astring));
  CHECK(*parse("nil", &Parser::nstring) == std::nullopt);
  CHECK(*parse("\"NIL\"", &Parser::nstring) == "NIL");
}

TEST_CASE("RFC 9051 §9: numbers keep their bounds") {
  CHECK(*parse("4294967295", &Parser::nz_number) == UINT32_MAX);
  CHECK(*parse("9223372036854775807", &Parser::mod_sequence_value) == INT64_MAX);
  CHECK(*parse("0", &Parser::mod_sequence_valzer) == 0);
  for (auto wrong : {"0", "01", "4294967296", "-1", "", "1a", "18446744073709551617"})
    CHECK_FALSE(parse(wrong, &Parser::nz_number));
  for (auto wrong : {"0", "9223372036854775808"}) CHECK_FALSE(parse(wrong, &Parser::mod_sequence_value));
}

TEST_CASE("RFC 9051 §9: sequence sets") {
  CHECK(parse("2,4:7,9,12:*", &Parser::sequence_set)->ranges == std::vector<Range>{{2, 2}, {4, 7}, {9, 9}, {12, 0}});
  CHECK(parse("*:4", &Parser::sequence_set)->ranges == std::vector<Range>{{0, 4}});
  CHECK(parse("$", &Parser::sequence_set)->saved);
  for (auto wrong : {"", ",", "1,", "1:", ":1", "0", "1:0", "1::2", "$,1", "1,$", "a", "**", "1:2:3"})
    CHECK_MESSAGE(!parse(wrong, &Parser::sequence_set), wrong);
  CHECK_FALSE(parse("1:*", &Parser::known_sequence_set));
}

TEST_CASE("RFC 9051 §9: flags") {
  const auto list = parse("(\\seen \\Deleted $Forwarded $forwarded NonJunk)", &Parser::flag_list);
  CHECK(list->system == (kSeen | kDeleted));
  CHECK(list->keywords == std::vector<std::string>{"$Forwarded", "NonJunk"});
  CHECK(parse("()", &Parser::flag_list)->system == 0);
  CHECK(parse("\\Seen x", &Parser::store_flags)->keywords.size() == 1);
  for (auto wrong : {"(\\Recent)", "(\\Unknown)", "(\\)", "(a", "( a)", "(a )", "(\\*)", "(a b)x", "(\"a\")"})
    CHECK_MESSAGE(!parse(wrong, &Parser::flag_list), wrong);
}

TEST_CASE("flag lists have a limit") {
  std::string list = "(";
  for (std::size_t i = 0; i < kFlagsMax; ++i) list += "k" + std::to_string(i) + " ";
  CHECK(parse(list.substr(0, list.size() - 1) + ")", &Parser::flag_list).has_value());
  CHECK_FALSE(parse(list + "one)", &Parser::flag_list));
  CHECK(parse("(" + std::string(kKeywordMax, 'k') + ")", &Parser::flag_list).has_value());
  CHECK_FALSE(parse("(" + std::string(kKeywordMax + 1, 'k') + ")", &Parser::flag_list));
}

TEST_CASE("RFC 9051 §9: dates") {
  CHECK(parse("1-Feb-1994", &Parser::date)->days == 8797);
  CHECK(parse("\"01-feb-1994\"", &Parser::date)->days == 8797);
  CHECK(parse("1-Jan-1970", &Parser::date)->days == 0);
  CHECK(parse("\" 1-Jan-1970 01:00:00 +0100\"", &Parser::date_time)->seconds == 0);
  for (auto wrong : {"31-Feb-1994", "\"1-Feb-1994", "1-Feb-94", "Feb", ""}) CHECK_FALSE(parse(wrong, &Parser::date));
  for (auto wrong : {"1-Jan-1970", "\"1-Jan-1970\"", "\"1-Jan-1970 01:00:00 +0100\"", "\"\""})
    CHECK_FALSE(parse(wrong, &Parser::date_time));
}

TEST_CASE("RFC 9051 §6.4.5: fetch items and macros") {
  CHECK(parse("ALL", &Parser::fetch_attributes)->items ==
        (kFetchFlags | kFetchInternalDate | kFetchSize | kFetchEnvelope));
  CHECK(parse("(UID FLAGS BODY)", &Parser::fetch_attributes)->items == (kFetchUid | kFetchFlags | kFetchBody));
  const auto program = parse(
      "(body[] BODY.PEEK[1.2.HEADER.FIELDS (From \"To\")]<0.2048> BINARY[1] BINARY.SIZE[2] BODY[1.MIME] RFC822.HEADER)",
      &Parser::fetch_attributes);
  REQUIRE(program.has_value());
  const auto& sections = program->sections;
  REQUIRE(sections.size() == 6);
  CHECK(sections[0] == SectionItem{});
  CHECK(sections[1].peek == SectionItem::Peek::yes);
  CHECK(sections[1].section == Section{.part = {1, 2}, .text = Section::Text::header_fields, .fields = {"From", "To"}});
  CHECK(sections[1].partial == Partial{0, 2048});
  CHECK(sections[2].form == SectionItem::Form::binary);
  CHECK(sections[3].form == SectionItem::Form::binary_size);
  CHECK(sections[4].section.text == Section::Text::mime);
  CHECK(sections[5].peek == SectionItem::Peek::yes);
  for (auto wrong : {"",
                     "()",
                     "(ALL)",
                     "FOO",
                     "BODY[MIME]",
                     "BODY[0]",
                     "BODY[1.]",
                     "BODY[.1]",
                     "BODY[TEXT.1]",
                     "BODY[]<0>",
                     "BODY[]<0.0>",
                     "BODY[]<1.2",
                     "BINARY[TEXT]",
                     "BINARY[1.]",
                     "BINARY.SIZE[1]<0.1>",
                     "BODY[HEADER.FIELDS]",
                     "BODY[HEADER.FIELDS ()]",
                     "BODY.PEEK",
                     "BODY[",
                     "BODY[HEADER.FIELDS (a:b)]",
                     "UID FLAGS",
                     "(UID  FLAGS)",
                     "ENVELOPE[1]"})
    CHECK_MESSAGE(!parse(wrong, &Parser::fetch_attributes), wrong);
}

TEST_CASE("RFC 7162 §7: fetch modifiers") {
  const auto program = parse("FLAGS (CHANGEDSINCE 12345 VANISHED)", &Parser::fetch_attributes);
  CHECK(program->changed_since == 12345);
  CHECK(program->vanished);
  CHECK((program->items & kFetchModseq) != 0);
  for (auto wrong :
       {"FLAGS (VANISHED)", "FLAGS (CHANGEDSINCE 0)", "FLAGS ()", "FLAGS (CHANGEDSINCE 1 CHANGEDSINCE 2)", "FLAGS (X)"})
    CHECK_MESSAGE(!parse(wrong, &Parser::fetch_attributes), wrong);
}

TEST_CASE("sections of one FETCH have a limit") {
  const auto items = [](std::size_t count) { return "(" + repeated("BODY[1] ", count - 1) + "BODY[1])"; };
  CHECK(parse(items(kFetchSectionsMax), &Parser::fetch_attributes).has_value());
  CHECK_FALSE(parse(items(kFetchSectionsMax + 1), &Parser::fetch_attributes));
  const auto parts = [](std::size_t count) { return "BODY[" + repeated("1.", count - 1) + "1]"; };
  CHECK(parse(parts(kSectionDepthMax), &Parser::fetch_attributes).has_value());
  CHECK_FALSE(parse(parts(kSectionDepthMax + 1), &Parser::fetch_attributes));
  const auto fields = [](std::size_t count) { return "BODY[HEADER.FIELDS (" + repeated("a ", count - 1) + "a)]"; };
  CHECK(parse(fields(kHeaderFieldsMax), &Parser::fetch_attributes).has_value());
  CHECK_FALSE(parse(fields(kHeaderFieldsMax + 1), &Parser::fetch_attributes));
}

TEST_CASE("RFC 9051 §6.4.4: search keys") {
  using Key = SearchNode::Key;
  const auto program =
      parse("RETURN (MIN SAVE) CHARSET utf-8 UNSEEN OR FROM a (2:4 NOT DELETED) HEADER x-y \"\" KEYWORD $k",
            &Parser::search_program);
  REQUIRE(program.has_value());
  CHECK(program->extended);
  CHECK(program->returns == (kReturnMin | kReturnSave));
  CHECK(program->charset == "UTF-8");
  const auto& keys = program->root.children;
  REQUIRE(keys.size() == 4);
  CHECK(keys[0].key == Key::negation);
  CHECK_FALSE(keys[0].reads_messages);
  CHECK(keys[1].key == Key::either);
  CHECK(keys[1].reads_messages);
  CHECK(keys[1].children[1].children[0].key == Key::sequence);
  CHECK(keys[2].name == "x-y");
  CHECK(keys[3].name == "$k");
  CHECK(parse("RETURN () ALL", &Parser::search_program)->returns == kReturnAll);
  CHECK(parse("MODSEQ \"/flags/\\\\seen\" all 5", &Parser::search_program)->uses_modseq);
  for (auto wrong : {"",
                     "FOO",
                     "NOT",
                     "OR ALL",
                     "()",
                     "(ALL",
                     "FROM",
                     "KEYWORD",
                     "BEFORE x",
                     "LARGER -1",
                     "RETURN (FOO) ALL",
                     "RETURN ALL",
                     "CHARSET x",
                     "HEADER a",
                     "UID x",
                     "ALL  ALL",
                     "MODSEQ x",
                     "MODSEQ \"/flags/x\" 5",
                     "SINCE 1-Foo-2000",
                     "ALL)"})
    CHECK_MESSAGE(!parse(wrong, &Parser::search_program), wrong);
}

TEST_CASE("SEARCH nests to its limit and is refused beyond, whatever nests") {
  const auto limit = static_cast<std::size_t>(kSearchDepthMax);
  CHECK(parse(repeated("(", limit - 1) + "ALL" + repeated(")", limit - 1), &Parser::search_program).has_value());
  CHECK_FALSE(parse(repeated("(", limit) + "ALL" + repeated(")", limit), &Parser::search_program));
  CHECK(parse(repeated("NOT ", limit - 1) + "ALL", &Parser::search_program).has_value());
  CHECK_FALSE(parse(repeated("NOT ", limit) + "ALL", &Parser::search_program));
  CHECK_FALSE(parse(repeated("OR ", 20'000), &Parser::search_program));
}

TEST_CASE("keys of one SEARCH have limits") {
  CHECK(parse(repeated("ALL ", kSearchKeysMax - 1) + "ALL", &Parser::search_program).has_value());
  CHECK(parse(repeated("ALL ", kSearchKeysMax) + "ALL", &Parser::search_program).error().is(kLimit));
  CHECK(parse(repeated("TEXT a ", kSearchTextKeysMax - 1) + "BODY a", &Parser::search_program).has_value());
  CHECK(parse(repeated("TEXT a ", kSearchTextKeysMax) + "BODY a", &Parser::search_program).error().is(kLimit));
}

TEST_CASE("RFC 6203 7: FUZZY takes a key, and RELEVANCY a FUZZY key") {
  const auto one = parse("FUZZY SUBJECT a FROM b", &Parser::search_program);
  REQUIRE(one.has_value());
  CHECK(one->uses_fuzzy);
  CHECK(one->root.fuzzy);
  CHECK(one->root.children[0].fuzzy);
  CHECK(!one->root.children[1].fuzzy);
  const auto deep = parse("FUZZY (OR TEXT a NOT HEADER X-A b) FUZZY FUZZY BODY c", &Parser::search_program);
  REQUIRE(deep.has_value());
  CHECK(deep->root.children[0].children[0].children[0].fuzzy);
  CHECK(deep->root.children[0].children[0].children[1].children[0].fuzzy);
  CHECK(deep->root.children[1].fuzzy);
  // §5: keys that are no texts are exact, and FUZZY keys nevertheless.
  const auto exact = parse("RETURN (RELEVANCY ALL) FUZZY (SEEN 1:3 SENTON 1-Feb-1994)", &Parser::search_program);
  REQUIRE(exact.has_value());
  CHECK(exact->uses_fuzzy);
  CHECK(!exact->root.fuzzy);
  CHECK(exact->returns == (kReturnRelevancy | kReturnAll));
  for (const std::string_view malformed :
       {"FUZZY", "FUZZY ", "FUZZY SUBJECT", "FUZZY ()", "FUZZY  ALL", "FUZZYALL", "RETURN (RELEVANCY) ALL",
        "RETURN (RELEVANCY 1) FUZZY ALL", "RETURN (RELEVANCY(1)) FUZZY ALL", "NOT FUZZY"}) {
    CAPTURE(malformed);
    CHECK(parse(std::string(malformed), &Parser::search_program).error().is(kSyntax));
  }
  CHECK(parse("(RELEVANCY REVERSE DATE) UTF-8 FUZZY ALL", &Parser::sort_program).has_value());
  CHECK(parse("(RELEVANCY) UTF-8 ALL", &Parser::sort_program).error().is(kSyntax));
  CHECK(parse("RETURN (RELEVANCY) (DATE) UTF-8 ALL", &Parser::sort_program).error().is(kSyntax));
  CHECK(parse("IN (personal) RETURN (RELEVANCY) ALL", &Parser::multi_search_program).error().is(kSyntax));
}

TEST_CASE("FUZZY counts among the keys and their depth") {
  const auto deepest = static_cast<std::size_t>(kSearchDepthMax);
  CHECK(parse(repeated("FUZZY ", deepest - 1) + "ALL", &Parser::search_program).has_value());
  CHECK(parse(repeated("FUZZY ", deepest) + "ALL", &Parser::search_program).error().is(kSyntax));
  CHECK(parse(repeated("FUZZY ALL ", kSearchKeysMax / 2 - 1) + "FUZZY ALL", &Parser::search_program).has_value());
  CHECK(parse(repeated("FUZZY ALL ", kSearchKeysMax / 2) + "ALL", &Parser::search_program).error().is(kLimit));
  CHECK(parse(repeated("FUZZY TEXT a ", kSearchTextKeysMax - 1) + "BODY a", &Parser::search_program).has_value());
  CHECK(parse(repeated("FUZZY TEXT a ", kSearchTextKeysMax) + "BODY a", &Parser::search_program).error().is(kLimit));
}

TEST_CASE("RFC 5258 §6: LIST with options") {
  const auto program = parse("(SUBSCRIBED RECURSIVEMATCH) \"\" (\"a%\" b) RETURN (CHILDREN STATUS (MESSAGES SIZE))",
                             &Parser::list_arguments);
  REQUIRE(program.has_value());
  CHECK(program->select == (kSelectSubscribed | kSelectRecursiveMatch));
  CHECK(program->patterns == std::vector<std::string>{"a%", "b"});
  CHECK(program->returns == (kListChildren | kListStatus));
  CHECK(program->status == (kStatusMessages | kStatusSize));
  CHECK(parse("\"\" *", &Parser::list_arguments)->extended == false);
  CHECK(parse("() \"\" *", &Parser::list_arguments).has_value());
  for (auto wrong : {"", "\"\"", "(RECURSIVEMATCH) \"\" *", "(REMOTE RECURSIVEMATCH) \"\" *", "(FOO) \"\" *", "\"\" ()",
                     "\"\" * RETURN", "\"\" * RETURN (FOO)", "\"\" * RETURN (STATUS)", "\"\" * RETURN (STATUS ())"})
    CHECK_MESSAGE(!parse(wrong, &Parser::list_arguments), wrong);
  const auto patterns = [](std::size_t count) { return "\"\" (" + repeated("a ", count - 1) + "a)"; };
  CHECK(parse(patterns(kListPatternsMax), &Parser::list_arguments).has_value());
  CHECK_FALSE(parse(patterns(kListPatternsMax + 1), &Parser::list_arguments));
}

TEST_CASE("tags have a limit and no plus sign") {
  CHECK(*parse("A1.", &Parser::tag) == "A1.");
  CHECK(parse(std::string(kTagMax, 'a'), &Parser::tag).has_value());
  CHECK_FALSE(parse(std::string(kTagMax + 1, 'a'), &Parser::tag));
  for (auto wrong : {"+", "a+", "*", "", "(", "\"a\""}) CHECK_FALSE(parse(wrong, &Parser::tag));
}
