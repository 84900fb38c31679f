#include "drop/options.h"

#include "support/test.h"

using namespace angarium;
using namespace angarium::drop;

namespace {

Result<Options> parse(std::vector<std::string> words) { return parse_options(words); }

}  // namespace

TEST_CASE("what cron, mailx, git, PHP and mdadm say to sendmail") {
  auto options = parse({"-FCronDaemon", "-i", "-B8BITMIME", "-oem", "root"}).value();
  CHECK(options.name == "CronDaemon");
  CHECK_FALSE(options.dot_ends);
  CHECK(options.recipients == std::vector<std::string>{"root"});
  options = parse({"-oi", "-f", "anna@example.test", "-t"}).value();
  CHECK(options.sender == "anna@example.test");
  CHECK(options.header_recipients);
  CHECK_FALSE(options.dot_ends);
  CHECK(parse({"-t", "-i"}).value().header_recipients);
  options = parse({"-ti", "-fanna"}).value();
  CHECK((options.header_recipients && !options.dot_ends && options.sender == "anna"));
  options =
      parse({"-oi", "-om", "-odb", "-O", "DeliveryMode=b", "-h", "5",         "-G",     "-U", "-n", "-m",  "-v", "-d9",
             "-Am", "-L",  "tag",  "-X", "/dev/null",      "-C", "/etc/x.cf", "-pSMTP", "-x", "--", "-bob"})
          .value();
  CHECK(options.recipients == std::vector<std::string>{"-bob"});
  CHECK(options.mode == Mode::deliver);
}

TEST_CASE("modes") {
  CHECK(parse({"-bm", "a"}).value().mode == Mode::deliver);
  CHECK(parse({"-bp"}).value().mode == Mode::list_queue);
  CHECK(parse({"-bi"}).value().mode == Mode::new_aliases);
  CHECK(parse({"-I"}).value().mode == Mode::new_aliases);
  CHECK(parse({"-b", "v", "a"}).value().mode == Mode::verify);
  CHECK(parse({"-q"}).value().mode == Mode::flush);
  CHECK(parse({"-q"}).value().what.empty());
  CHECK(parse({"-qRexample.org"}).value().mode == Mode::flush);
  CHECK(parse({"-qRexample.org"}).value().what == "example.org");
  CHECK(parse({"-qI0123"}).value().what == "0123");
  CHECK(parse({"-q30m", "a"}).value().mode == Mode::deliver);
  CHECK(parse({"-bs"}).value().mode == Mode::smtp);
  CHECK(parse({"-om", "-bs", "-v"}).value().mode == Mode::smtp);
  for (const char* wrong : {"-qI", "-qR", "-qSsite"}) CHECK_FALSE_MESSAGE(parse({wrong}), wrong);
}

TEST_CASE("the null sender, and delivery status notifications") {
  CHECK(parse({"-f", "<>", "a"}).value().sender == "");
  CHECK(parse({"-r", "", "a"}).value().sender == "");
  CHECK_FALSE(parse({"a"}).value().sender);
  const auto options = parse({"-N", "success,Delay", "-R", "hdrs", "-V", "job 7", "a"}).value();
  CHECK(options.notify == envelope::Notify{.success = true, .delay = true});
  CHECK(options.ret == envelope::Return::headers);
  CHECK(options.envelope_id == "job 7");
  CHECK(parse({"-Nnever", "a"}).value().notify->never);
}

TEST_CASE("an argument may be a list, with names") {
  const auto options = parse({"Anna B <anna@example.test>, bob", "\"a b\"@example.test"}).value();
  CHECK(options.recipients == std::vector<std::string>{"anna@example.test", "bob", "\"a b\"@example.test"});
}

TEST_CASE("what means nothing is refused as usage") {
  for (const std::vector<std::string>& words : std::vector<std::vector<std::string>>{{"-Z"},
                                                                                     {"-f"},
                                                                                     {"-bd"},
                                                                                     {"-bx"},
                                                                                     {"-N", "never,success"},
                                                                                     {"-N", "often"},
                                                                                     {"-R", "half"},
                                                                                     {"-V", ""},
                                                                                     {"-V", "a\nb"},
                                                                                     {"-f", "a, b"},
                                                                                     {"@example"},
                                                                                     {""},
                                                                                     {"-N", ""},
                                                                                     {"-V", std::string(101, 'x')}}) {
    const auto options = parse(words);
    CAPTURE(words.front());
    REQUIRE_FALSE(options);
    CHECK(options.error().is(kUsage));
  }
}

TEST_CASE("a thousand recipients and no more") {
  std::vector<std::string> words(kRecipientsMax, "anna");
  CHECK(parse_options(words));
  words.emplace_back("bob");
  CHECK_FALSE(parse_options(words));
}
