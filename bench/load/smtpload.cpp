// smtpload: bounded SMTP/LMTP load from one epoll thread; waits until the mail is in the mailboxes.
//   smtpload --host 127.0.0.1 --port P [--lmtp] --sessions N --msgs M --size BYTES
//            [--per-conn K]   messages per connection (default 1: connect/QUIT for each message)
//            [--pipeline]     MAIL+RCPT+DATA in one write (RFC 2920)
//            [--half-close]   shut our side down right after QUIT (exim 4.96 on Linux holds the 221 back ~200 ms otherwise)
//            [--users 100] [--domain example.test] [--rcpts 1] [--from a@b]
//            [--rcpt-fixed user@dom]  same recipient always
//            [--auth user:pass]  AUTH PLAIN after EHLO
//            [--corpus DIR]   send these files (in turn) instead of generated text
//            [--wait-glob 'ROOT/*/Maildir/new']  count files there until all have arrived
//            [--wait-imap host:port]  the same by STATUS INBOX (MESSAGES) of each user (password --pass)
//            [--wait-sink FILE]   smtp-sink -c output file: last "mesg=N"
//            [--timeout 120]
// Prints one JSON line. Every message differs in Message-ID and Subject.
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <vector>
#include <algorithm>
#include <map>
#include <glob.h>
#include <dirent.h>
#include <unistd.h>
#include <fcntl.h>
#include <errno.h>
#include <signal.h>
#include <time.h>
#include <sys/uio.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <arpa/inet.h>
using std::string;using std::vector;
static double now(){timespec t;clock_gettime(CLOCK_MONOTONIC,&t);return t.tv_sec+t.tv_nsec*1e-9;}
static string host="127.0.0.1",domain="example.test",from="sender@peer.test",rfix,auth,corpus,wglob,wimap,wsink,pass="secret";
static int port=25,sessions=1,perconn=1,users=100,rcpts=1;static long msgs=100,size_=2048;static bool lmtp=false,pipe_=false,half=false;static double timeout_=120;
static string b64(const string&s){static const char*t="ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";string o;size_t i=0;for(;i+2<s.size();i+=3){unsigned v=(unsigned char)s[i]<<16|(unsigned char)s[i+1]<<8|(unsigned char)s[i+2];o+=t[v>>18];o+=t[v>>12&63];o+=t[v>>6&63];o+=t[v&63];}if(i+1==s.size()){unsigned v=(unsigned char)s[i]<<16;o+=t[v>>18];o+=t[v>>12&63];o+="==";}else if(i+2==s.size()){unsigned v=(unsigned char)s[i]<<16|(unsigned char)s[i+1]<<8;o+=t[v>>18];o+=t[v>>12&63];o+=t[v>>6&63];o+='=';}return o;}
enum St{GREET,EHLO,AUTH,MAIL,RCPT,DATA,BODY,QUIT,IDLE_};
struct Sess{int fd=-1;St st=IDLE_;string in,out,hdr;size_t off=0;int left=0,rc=0,acks=0,pend=0;bool body=false;const string*bp=nullptr;double t0=0;bool want=false;long id=0;};
static vector<Sess> S;static int ep;static long started=0,accepted=0,failed=0;static vector<double> lat;static vector<string> bodies;static string lasterr;static string runid;
static sockaddr_in sa;
static void openc(Sess&s);
static void upd(Sess&s,bool w){if(w==s.want)return;s.want=w;epoll_event e{};e.events=EPOLLIN|(w?EPOLLOUT:0);e.data.ptr=&s;epoll_ctl(ep,EPOLL_CTL_MOD,s.fd,&e);}
static void flush(Sess&s){
  for(;;){
    size_t tot=s.out.size()+(s.body?s.hdr.size()+s.bp->size():0);
    if(s.off>=tot){s.out.clear();s.off=0;s.body=false;upd(s,false);return;}
    iovec v[3];int n=0;size_t o=s.off;
    auto add=[&](const string&x){if(o>=x.size()){o-=x.size();return;}v[n].iov_base=(void*)(x.data()+o);v[n].iov_len=x.size()-o;o=0;n++;};
    add(s.out);if(s.body){add(s.hdr);add(*s.bp);}
    ssize_t r=writev(s.fd,v,n);
    if(r<0){if(errno==EAGAIN){upd(s,true);return;}return;}
    s.off+=r;
  }
}
static string rcpt(long id,int k){if(!rfix.empty())return rfix;char b[32];snprintf(b,32,"user%04ld",(id+k)%users+1);return string(b)+"@"+domain;}
static void closec(Sess&s){if(s.fd>=0){epoll_ctl(ep,EPOLL_CTL_DEL,s.fd,0);close(s.fd);s.fd=-1;}}
static void startmsg(Sess&s){
  s.id=started++;s.rc=0;s.acks=lmtp?rcpts:1;s.left--;if(perconn>1||s.t0==0)s.t0=now();
  s.out+="MAIL FROM:<"+from+">\r\n";s.st=MAIL;s.pend=0;
  if(pipe_){for(int k=0;k<rcpts;k++)s.out+="RCPT TO:<"+rcpt(s.id,k)+">\r\n";s.out+="DATA\r\n";}
  flush(s);
}
static void next(Sess&s){
  if(s.left>0&&started<msgs)startmsg(s);else{s.out="QUIT\r\n";s.st=QUIT;flush(s);if(half)shutdown(s.fd,SHUT_WR);}
}
static void openc(Sess&s){
  if(started>=msgs){s.st=IDLE_;return;}
  s.fd=socket(AF_INET,SOCK_STREAM|SOCK_NONBLOCK,0);int o=1;setsockopt(s.fd,IPPROTO_TCP,TCP_NODELAY,&o,sizeof o);
  s.in.clear();s.out.clear();s.off=0;s.body=false;s.want=false;s.left=perconn;s.st=GREET;s.t0=perconn==1?now():0;
  if(connect(s.fd,(sockaddr*)&sa,sizeof sa)&&errno!=EINPROGRESS){lasterr=strerror(errno);failed++;started++;close(s.fd);s.fd=-1;return;}
  epoll_event e{};e.events=EPOLLIN;e.data.ptr=&s;epoll_ctl(ep,EPOLL_CTL_ADD,s.fd,&e);
}
static void fail(Sess&s,const string&l){lasterr=l;bool was=s.st>=MAIL&&s.st<=BODY;if(was)failed++;else if(s.st!=QUIT){failed++;started++;}closec(s);if(failed>msgs/2+20){started=msgs;return;}openc(s);}
static void reply(Sess&s,const string&l){
  int code=atoi(l.c_str());
  switch(s.st){
  case GREET:if(code!=220)return fail(s,l);s.out=lmtp?"LHLO load.peer.test\r\n":"EHLO load.peer.test\r\n";s.st=EHLO;flush(s);break;
  case EHLO:if(code!=250)return fail(s,l);if(!auth.empty()){size_t c=auth.find(':');string p=string(1,'\0')+auth.substr(0,c)+string(1,'\0')+auth.substr(c+1);s.out="AUTH PLAIN "+b64(p)+"\r\n";s.st=AUTH;flush(s);}else next(s);break;
  case AUTH:if(code!=235)return fail(s,l);next(s);break;
  case MAIL:if(code!=250)return fail(s,l);s.st=RCPT;if(!pipe_){s.out="RCPT TO:<"+rcpt(s.id,0)+">\r\n";flush(s);}break;
  case RCPT:if(code/100!=2)return fail(s,l);s.rc++;if(s.rc<rcpts){if(!pipe_){s.out="RCPT TO:<"+rcpt(s.id,s.rc)+">\r\n";flush(s);}}else{s.st=DATA;if(!pipe_){s.out="DATA\r\n";flush(s);}}break;
  case DATA:{if(code!=354)return fail(s,l);char b[512];
    snprintf(b,512,"Message-ID: <%s.%ld@load.peer.test>\r\nDate: Sat, 21 Nov 2026 12:00:%02ld +0000\r\nFrom: Sender <%s>\r\nTo: <%s>\r\nSubject: load message %ld of run %s\r\nMIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n",runid.c_str(),s.id,s.id%60,from.c_str(),rcpt(s.id,0).c_str(),s.id,runid.c_str());
    if(corpus.empty())s.hdr=b;else{snprintf(b,512,"X-Load: %s.%ld\r\n",runid.c_str(),s.id);s.hdr=b;}
    s.bp=&bodies[s.id%bodies.size()];s.body=true;s.st=BODY;flush(s);break;}
  case BODY:if(code!=250)return fail(s,l);if(--s.acks==0){accepted++;double t=now();lat.push_back(t-s.t0);s.t0=t;next(s);}break;
  case QUIT:closec(s);openc(s);break;
  default:break;
  }
}
static long countglob(){glob_t g;long n=0;if(!glob(wglob.c_str(),GLOB_BRACE,0,&g)){for(size_t i=0;i<g.gl_pathc;i++){DIR*d=opendir(g.gl_pathv[i]);if(!d)continue;while(auto e=readdir(d))if(e->d_name[0]!='.'&&strncmp(e->d_name,"cyrus.",6))n++;closedir(d);}globfree(&g);}return n;}
struct Im{int fd;string in;};static vector<Im> ims;
static bool rdtag(Im&m,const char*tag,string&all){size_t p;char b[8192];all.clear();for(;;){while((p=m.in.find("\r\n"))!=string::npos){string l=m.in.substr(0,p);m.in.erase(0,p+2);if(!l.compare(0,strlen(tag),tag))return l.find(" OK")!=string::npos;all+=l+"\n";}ssize_t r=read(m.fd,b,sizeof b);if(r<=0)return false;m.in.append(b,r);}}
static long countimap(){
  if(ims.empty()){sockaddr_in a{};a.sin_family=AF_INET;size_t c=wimap.find(':');inet_pton(AF_INET,wimap.substr(0,c).c_str(),&a.sin_addr);a.sin_port=htons(atoi(wimap.c_str()+c+1));
    for(int u=1;u<=users;u++){Im m;m.fd=socket(AF_INET,SOCK_STREAM,0);if(connect(m.fd,(sockaddr*)&a,sizeof a)){perror("imap");exit(1);}char b[128];int n=snprintf(b,128,"a LOGIN user%04d@%s %s\r\n",u,domain.c_str(),pass.c_str());if(write(m.fd,b,n)!=n)exit(1);string x;if(!rdtag(m,"a ",x)){fprintf(stderr,"imap login failed\n");exit(1);}ims.push_back(m);}}
  long n=0;for(auto&m:ims){if(write(m.fd,"s STATUS INBOX (MESSAGES)\r\n",27)!=27)exit(1);}
  for(auto&m:ims){string x;rdtag(m,"s ",x);size_t p=x.find("MESSAGES ");if(p!=string::npos)n+=atol(x.c_str()+p+9);}return n;
}
static long countsink(){FILE*f=fopen(wsink.c_str(),"rb");if(!f)return 0;fseek(f,0,SEEK_END);long e=ftell(f);fseek(f,e>300?e-300:0,SEEK_SET);char b[301];size_t r=fread(b,1,300,f);b[r]=0;fclose(f);char*q=nullptr,*p=b;while((p=strstr(p,"mesg="))){q=p;p+=5;}return q?atol(q+5):0;}
static long count(){return !wglob.empty()?countglob():!wimap.empty()?countimap():!wsink.empty()?countsink():0;}
int main(int c,char**v){
  signal(SIGPIPE,SIG_IGN);
  for(int i=1;i<c;i++){string a=v[i];auto nx=[&]{return string(i+1<c?v[++i]:"");};
    if(a=="--host")host=nx();else if(a=="--port")port=atoi(nx().c_str());else if(a=="--sessions")sessions=atoi(nx().c_str());else if(a=="--msgs")msgs=atol(nx().c_str());else if(a=="--size")size_=atol(nx().c_str());
    else if(a=="--per-conn")perconn=atoi(nx().c_str());else if(a=="--users")users=atoi(nx().c_str());else if(a=="--domain")domain=nx();else if(a=="--rcpts")rcpts=atoi(nx().c_str());else if(a=="--from")from=nx();else if(a=="--rcpt-fixed")rfix=nx();
    else if(a=="--auth")auth=nx();else if(a=="--corpus")corpus=nx();else if(a=="--wait-glob")wglob=nx();else if(a=="--wait-imap")wimap=nx();else if(a=="--wait-sink")wsink=nx();else if(a=="--pass")pass=nx();else if(a=="--timeout")timeout_=atof(nx().c_str());
    else if(a=="--lmtp")lmtp=true;else if(a=="--pipeline")pipe_=true;else if(a=="--half-close")half=true;else{fprintf(stderr,"unknown %s\n",a.c_str());return 2;}}
  if(host.compare(0,4,"127.")){fprintf(stderr,"loopback only\n");return 2;}
  sa.sin_family=AF_INET;sa.sin_port=htons(port);inet_pton(AF_INET,host.c_str(),&sa.sin_addr);
  runid=std::to_string(time(0))+"."+std::to_string(getpid());
  if(!corpus.empty()){DIR*d=opendir(corpus.c_str());vector<string> fs;while(auto e=readdir(d))if(e->d_name[0]!='.')fs.push_back(corpus+"/"+e->d_name);std::sort(fs.begin(),fs.end());
    for(auto&p:fs){FILE*f=fopen(p.c_str(),"rb");string s,o;char b[65536];size_t r;while((r=fread(b,1,sizeof b,f))>0)s.append(b,r);fclose(f);bool bol=true;char pr=0;for(char ch:s){if(bol&&ch=='.')o+='.';if(ch=='\n'&&pr!='\r')o+='\r';o+=ch;bol=ch=='\n';pr=ch;}if(o.size()<2||o.compare(o.size()-2,2,"\r\n"))o+="\r\n";o+=".\r\n";bodies.push_back(o);}
  }else{unsigned x=12345;string b;long want=size_-330;if(want<80)want=80;static const char*w[]={"mail","server","queue","delivery","the","of","and","message","report","invoice","meeting","agenda","please","find","attached","regards","quarter","budget","release","patch"};
    while((long)b.size()<want){string l;while(l.size()<68){x=x*1103515245+12345;l+=w[(x>>16)%20];l+=' ';}b+=l+"\r\n";}
    if((long)b.size()>want){b.resize(want-2);if(b.back()=='\r')b.back()='.';b+="\r\n";}
    bodies.push_back(b+".\r\n");}
  long base=count();
  ep=epoll_create1(0);S.resize(sessions);lat.reserve(msgs);
  double t0=now();for(auto&s:S)openc(s);
  epoll_event es[256];
  while(accepted+failed<msgs&&now()-t0<timeout_){
    int k=epoll_wait(ep,es,256,500);
    for(int i=0;i<k;i++){Sess&s=*(Sess*)es[i].data.ptr;if(s.fd<0)continue;
      if(es[i].events&EPOLLOUT)flush(s);
      if(es[i].events&(EPOLLIN|EPOLLHUP|EPOLLERR)){char b[16384];ssize_t r=read(s.fd,b,sizeof b);
        if(r<=0){if(r<0&&errno==EAGAIN)continue;if(s.st==QUIT){closec(s);openc(s);}else fail(s,"closed by peer");continue;}
        s.in.append(b,r);size_t p,o=0;int fd=s.fd;
        while(s.fd==fd&&(p=s.in.find('\n',o))!=string::npos){string l=s.in.substr(o,p-o);o=p+1;if(l.size()>3&&l[3]=='-')continue;reply(s,l);if(s.in.empty()){o=0;break;}}
        if(s.fd==fd&&o)s.in.erase(0,o);}}
  }
  double t1=now();long del=0;double t2=t1;bool wait=!wglob.empty()||!wimap.empty()||!wsink.empty();
  if(wait){long want=accepted*(rfix.empty()?rcpts:1);for(;;){del=count()-base;t2=now();if(del>=want||t2-t0>timeout_)break;usleep(wimap.empty()?3000:20000);}}
  std::sort(lat.begin(),lat.end());auto q=[&](double f){return lat.empty()?0:lat[std::min(lat.size()-1,(size_t)(f*lat.size()))]*1e3;};
  printf("{\"proto\":\"%s\",\"sessions\":%d,\"size\":%ld,\"per_conn\":%d,\"msgs\":%ld,\"accepted\":%ld,\"failed\":%ld,\"accept_s\":%.4f,\"accept_msg_s\":%.1f,\"delivered\":%ld,\"deliver_s\":%.4f,\"deliver_msg_s\":%.1f,\"lat_p50_ms\":%.2f,\"lat_p99_ms\":%.2f%s%s%s}\n",
    lmtp?"lmtp":"smtp",sessions,size_,perconn,msgs,accepted,failed,t1-t0,accepted/(t1-t0),wait?del:-1,t2-t0,(wait?del:accepted)/(t2-t0),q(.5),q(.99),lasterr.empty()?"":",\"err\":\"",lasterr.substr(0,lasterr.find_first_of("\r\"")).c_str(),lasterr.empty()?"":"\"");
  return failed||accepted<msgs||(wait&&del<accepted);
}
