#include "program/verbs.h"

namespace angarium::program {
namespace {

PlainGroup domains() {
  const VerbArgument domain{"domain", "The domain"};
  return {"domain",
          "Which domains are served",
          {{"add", "domain.add", "Serve a domain", "domain add example.org", {domain}},
           {"list", "domain.list", "List the domains", "domain list", {}},
           {"show", "domain.show", "Show a domain", "domain show example.org", {domain}},
           {"set",
            "domain.set",
            "Change a domain",
            "domain set example.org --catch-all alice@example.org",
            {domain, {"catch_all", "Who gets mail for addresses that do not exist; '' for nobody", "--catch-all"}}},
           {"remove",
            "domain.remove",
            "Stop serving a domain that has no addresses",
            "domain remove example.org",
            {domain}}}};
}

PlainGroup access() {
  const VerbArgument account{"address", "The account"};
  const VerbArgument mailbox{"mailbox", "The mailbox"};
  return {
      "acl",
      "Who else may use the mailboxes of an account by IMAP",
      {{"list",
        "acl.list",
        "List who may do what",
        "acl list alice@example.test",
        {account, {"mailbox", "Only this mailbox", "--mailbox"}}},
       {"set",
        "acl.set",
        "Grant rights: l see it, r read, s mark as seen, w set flags, i add messages, p post, k make mailboxes below, "
        "x delete it, t mark as deleted, e expunge, a administer",
        "acl set alice@example.test Projects bob@example.test lrs",
        {account,
         mailbox,
         {"identifier", "Who: an address, or anyone; '-' in front (behind --) denies"},
         {"rights", "Letters; '+' or '-' in front (behind --) adds or takes away"}}},
       {"remove",
        "acl.remove",
        "Take away all rights",
        "acl remove alice@example.test Projects bob@example.test",
        {account, mailbox, {"identifier", "Who, as acl list shows it"}}}}};
}

PlainGroup keys() {
  return {
      "keys",
      "The keys by which mail is encrypted (store.encryption)",
      {{"list",
        "keys.list",
        "List the versions of the server's key, and how many keys of accounts each opens",
        "keys list",
        {}},
       {"rotate",
        "keys.rotate",
        "Make a new server's key in place of the old one; or a new key of an account, and seal its mail by it; or a "
        "new key of the queue. Cut short it is done again",
        "keys rotate\n  angarium keys rotate alice@example.test\n  angarium keys rotate --accounts\n  angarium keys "
        "rotate --queue",
        {{"address", "The account whose key is made anew; without it the server's", "address"},
         {"accounts", "The keys of all accounts that have one", "--accounts", true},
         {"queue", "The key of what waits in the queue", "--queue", true}}}}};
}

PlainGroup index() {
  const VerbArgument account{"address", "Whose", "address"};
  return {"index",
          "The index of all mail, which searches use",
          {{"show", "index.show", "Show what is indexed", "index show", {account}},
           {"rebuild", "index.rebuild", "Make it anew", "index rebuild", {account}}}};
}

}  // namespace

std::vector<PlainGroup> plain_groups() { return {domains(), access(), keys(), index()}; }

}  // namespace angarium::program
