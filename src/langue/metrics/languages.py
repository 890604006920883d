"""Codes and names of languages, by which a slip is told from a language that is merely rare."""

from __future__ import annotations

import difflib

from langue.errors import LangueError
from langue.metrics.scripts import CODES, language_of

_TWO_LETTERS = """
aa ab ae af ak am an ar as av ay az ba be bg bi bm bn bo br bs ca ce ch co cr cs cu cv cy da de dv dz ee el en eo es
et eu fa ff fi fj fo fr fy ga gd gl gn gu gv ha he hi ho hr ht hu hy hz ia id ie ig ii ik in io is it iu iw ja ji jv
jw ka kg ki kj kk kl km kn ko kr ks ku kv kw ky la lb lg li ln lo lt lu lv mg mh mi mk ml mn mo mr ms mt my na nb nd
ne ng nl nn no nr nv ny oc oj om or os pa pi pl ps pt qu rm rn ro ru rw sa sc sd se sg sh si sk sl sm sn so sq sr ss
st su sv sw ta te tg th ti tk tl tn to tr ts tt tw ty ug uk ur uz ve vi vo wa wo xh yi yo za zh zu
"""
"""The codes of ISO 639-1, those that were withdrawn for others among them."""

_NAMES = """
abkhazian afar afrikaans akan albanian amharic arabic aragonese armenian assamese avaric avestan aymara azerbaijani
bambara bashkir basque belarusian bengali bislama bosnian breton bulgarian burmese catalan chamorro chechen chichewa
chinese chuvash cornish corsican cree croatian czech danish divehi dutch dzongkha english esperanto estonian ewe
faroese farsi fijian finnish french frisian fulah gaelic galician ganda georgian german greek guarani gujarati haitian
hausa hebrew herero hindi hungarian icelandic ido igbo indonesian interlingua interlingue inuktitut inupiaq irish
italian japanese javanese kalaallisut kannada kanuri kashmiri kazakh khmer kikuyu kinyarwanda kirghiz komi kongo
korean kuanyama kurdish lao latin latvian limburgan lingala lithuanian luxembourgish macedonian malagasy malay
malayalam maltese manx maori marathi marshallese mongolian nauru navajo ndonga nepali norwegian occitan ojibwa oriya
oromo ossetian pali panjabi persian polish portuguese pushto quechua romanian romansh rundi russian samoan sango
sanskrit sardinian serbian shona sindhi sinhala slovak slovenian somali spanish sundanese swahili swati swedish
tagalog tahitian tajik tamil tatar telugu thai tibetan tigrinya tsonga tswana turkish turkmen twi uighur ukrainian
urdu uzbek venda vietnamese walloon welsh wolof xhosa yiddish yoruba zhuang zulu
"""
"""English names of languages that have such a code, where they are one word."""

_BY_BEGINNING = """
aaabcdefghiklnopqrstuvwxz ababcdefghijklmnopqrstuvwxyz acabdefhiklmnpqrstuvwxyz adabdefghijlnoqrstuwxyz
aeabcdeklmnqrsuwyz afabdeghiknoprstuz agabcdefghijklmnoqrstuvwxyz ahabghiklmnoprst aiabcdefghijklmnopqrtwxy ajaginsuwz
akabcdefghijklmopqrstuvwxyz alabcdefghijklmnopqrstuvwxyz amabcefghijklmnopqrstuvwxyz anabcdefghijklmnopqrstuvwxyz
aoabcdefgijklmnrstuxz apabcdefghijklmnopqrstuvwxyz aqacdgklmnprtz arabcdeghijklmnopqrstuvwxyz
asabcefghijklmnopqrstuvwxyz atabcdeghijklmnopqrstuvwxyz auabcdfghijklmnopqrstuwxyz avabdeiklmnostuv
awabcdeghikmnorstuvwxy axbegklmx ayabcdeghiklmnopqrstuz azabcdegjmnotz baabcdefghijklmnopqrstuvwxy
bbabcdefghijklmnopqrstuvwxy bcabcdefghijklmnopqrstuvwyz bdabcdefghijklmnopqrstuvwxyz beabcdefghijklmnopqrstuvwxyz
bfabcdefghijklmnopqrstuwxyz bgabcdefgijklnopqrstuvwxyz bhabcdefghijlmnopqrstuvwxyz biabdefghklmnopqrstuvwxyz
bjabcefghijklmnoprstuvwxyz bkacdfghijklmnopqrstuvwxyz blabcdefhijklmnopqrstvwxyz bmabcdefghijklmnopqrstuvwxz
bnabcdefgijklmnopqrstuvwxyz boabdefghijklmnopqrstuvwxyz bpacdeghijklmnopqrstuvwxyz bqabcdfghijklmnopqrstuvwxyz
brabcdefghijklmnopqrstuvwxyz bsabcefghijklmnopqrstuvwxy btacdefghijkmnopqrstuvwxyz buabcdefghijklmnopqrstuvwxyz
bvabcdefghijklmnopqrtuvwxyz bwabcdefghijklmnopqrstuwxyz bxabcdefghijklmnopqrsuvwz byabcdefghijklmnopqrstvwxz
bzabcdefghijklmnopqrstuvwxyz caabcdefghijklmnopqrstuvwxyz cbabcdgijklnoqrstuvwy cccdeghjlmnoprs cdacdefhijmnorsyz
ceabgklnsty cfadgm cgacgk chabcdefghijklmnopqrtuvwxyz ciabcdehkmnprwy cjaehikmnopsvy ckbhlmnoqrstuvxyz
clacdehijklmostuwy cmacegilmnorst cnabcghiklopqrstuwx coabcdefghjklmnopqrstuvwxz cpabcefginopsuxy cqd
crabcdefghijklmnopqrstvwxyz csabcdefghijklmnopqrstuvwxyz ctacdeghlmnopstuyz cuabchijklopqrstuvwxy cvgn cwabdegt cxh
cyabmo czehknot daacdeghijklmnoqrsuvwxyz dbabdefgijlmnopqrtuvwy dccr ddadegijnorsw decdefghilmnpqrsuvz
dgabcdeghiklnorstwxz dhdgilmnorsuvwx diabcdfghijklmnopqrsuvwxyz djabcdefijkmnoruw dkagkrsx dlgkmn
dmabcdefgklmnorsuvwxy dnadegijknortuvwy doabcefhiklnopqrstvwxyz dpp drabcdegilnoqstuy dsbehiklnoqz dtabdhikmnoprstuy
duabcefghiklmnopqrstuvwxyz dva dwakrsuwyz dyabdgimnoruy dzadeglno eaa ebcgkoru ecrsy eee efaei egalmoxy ehsu eiptv eja
ekaegiklmopry elehiklmoux emabegikmnpqsuwxyz enabcdfghlmnoqruvwx eot epio eraghikorstw eseghiklmnoqstuxy etbchnorstuxz
eudqs evehn eweo ext eyao ezae faabdfghijklmnoprstuxyz fbl fcs fer ffim fgr fiaefjlnprtuw fkkv flahilnry fmpu fnbgi
fodimnrsx fpe fqs fracdekmopqrsty fsels fubcdefhijlmnqrtuvy fvr fwae gaabcdefghijklmnopqrstuwxyz
gbabdefghijklmnopqrsuvwxyz gccdeflnrt gdabcdefghijklmnoqrstux geabcdfghijklmoqrsvwxyz gfkt ggabdegkltuw ghacehklnorst
giabcdeghilmnpqrstuwxyz gjkmnru gkadenopu glabcdeghjkloruvwy gmabdeghlmnqruvwxyz gnabcdeghijklmnoqrtuwz
goabcdefghijklmnopqrstuvwxyz gpaen gqainru grabcdeghijkmnoqrstuvwxyz gseglmnopsw gtau guabcdefghijklmnopqrstuwxz
gvacefjlmnoprsy gwabcdefgijmnrtuwx gxx gyabdefgilmnoryz gzain haabcdefghijklmnopqrstuvwxyz hbabnosu hcah hdnsy
heabdghimr hgmw hhiry hiabdfghijklnortwx hji hkaehkns hlabdetu hmabcdefghijklmnopqrstuvwxyz hnadeghijmnosu
hoabcdehijklmoprstvwyz hpos hracekmoptuvwxz hsbhlns htiosux hubcdefghijklmnopqrstuvwxyz hvceknv hwaco hyaewx iainr
ibabdeghlmnoruy icaehlr idabcdeiorstu ifabefkmuy igbeglmnosw ihbipw iiinr ijcejnos ikehikloprstuvwxz ilabegikmopsuv
imailnorsty inabcdeghjlmnopstz ioruw ipiko iquw iraehiknoruxy isacdeghiklmnortuv itabcdeiklmorstvwxyz ium ivbv iwkmos
ixcl iyaox izhmrz jaabcdefhjklmnoqstuvxyz jbeijkmnortuw jcst jdagt jebehiklnrtu jgbeko jhis jiabcdeghilmoqtuvy jjer
jkamoprsu jles jmabcdilnrswx jnadgijls jobdgrsw jpanrx jqr jrabrtu jsl juabcdhiklmnoprstuwy jvdn jwi jyaey
kaabcdefghijklmnopqrstuvwxyz kbabcdeghijklmnopqrstuvwxyz kcabcdefghijklmnopqrstuvwxyz kdacdefghijklmnopqrtuwxyz
keabcdefghijklmnopqrstuvwxyz kfabcdefghijklmnopqrstuvwxyz kgabefgijklnopqrstuvwxy khabcdefghijklmnopqrstuvwxyz
kiabcdefghijklmnopqrstuvwxyz kjabcdeghijklmnopqrstuvxyz kkabcdefghijklmnopqrstuvwxyz klabcdefghijklmnopqrstuvwxyz
kmabcdefghijklmnopqrstuvwxyz knabcdefgijklmnopqrstuvwxyz koacdefghiklmnopqrstuvwyz kpabcdefghijklmnoqrstuvwxyz
kqabcdefghijklmnopqrstuvwxyz krabcdefhijklnoprstuvwxyz ksbcdefghijklmnopqrstuvwxyz ktabcdefghijklmnopqstuvwxyz
kuabcdefghijklmnopqrstuvwxyz kvabcdefghijklmnopqrtuvwxyz kwabcdefghijklmnoprstuvwxyz kxabcdfhijkmnopqrstvwxyz
kyabcdefghijklmnopqrstuvwxyz kzabcdefgiklmnopqrsuvwxyz laabcdefghijlmnopqrstuvwxyz lbbcefgijklmnoqrstuvwxyz
lccdefhlmpqs ldabdghijklmnopq leabcdefhijklmnopqrstuvwxyz lfan lgabghiklmnoqrstuz lhahilmnpstu
liabcdefghjklmnopqrstuvwxyz ljaeilpwx lkabcdehijlmnorstuy llabcdefghijklmnpqsux lmabcdefghijklnopqruvwxy
lnabdghijlmnsuwz loabcefghijklmnopqrstuvwxyz lpaenox lqr lracegiklmnortvz lsabcdehilmnoprstvwy ltcghinosuz
luabcdefghijklmnopqrstuvwyz lvaiklsu lwaeghlmostuw lxm lyagn lzhlnz maabcdefghijklmnopqrstuvwxyz
mbabcdefhijklmnopqrstuvwxyz mcabcdefghijklmnopqrstuvwxyz mdabcdefghijklmnpqrstuvwxyz meabcdefhijklmnopqrstuvwyz
mfabcdefghijklmnopqrstuvwxyz mgabcdefghijklmnopqrstuvwyz mhabcdefgijklmnopqrstuwxyz miabcdefghijklmnopqrstuwxyz
mjbcdeghijklmnopqrstuvwxyz mkabcdefghijklmnopqrstuvwxyz mlabcefghijklmnopqrstuvwxz mmabcdefghijklmnopqrtuvwxyz
mnabcdefghijklmnopqrsuvwxyz moacdeghijkmnopqrstuvwxyz mpabcdeghijklmnopqrstuvwxyz mqabcefghijklmnopqrstuvwxyz
mrabcdefghijklmnopqrstuvwxyz msabcdefghijklmnopqrsuvwxyz mtabcdefghijklmnopqrstuvwxy muabcdeghijklmnopqrstuvxyz
mvabdefghiklnopqrstuvwxyz mwabcefghiklmnopqrstuvwz mxabcdefghijklmnopqrstuvwxyz myabcefghjklmnoprsuvwxyz
mzabcdeghijklmnopqrstuvwxyz naabcefghijklmnopqrstuvwxyz nbabcdeghijklmnopqrstuvwy ncabcdefghijklmnoqrstuxz
ndabcdefghijklmnopqrstuvwxyz neabcdefghijkmnopqrstuvwxyz nfadlru ngabcdefghijklmnpqrstuvwxyz nhabcdefghikmnopqrtuvwxyz
niabcdefghijklmnoqrstuvwxyz njabdhijlmnorstuxyz nkabcdefghijkmnopqrstuvwxz nlacdegijklmoquvwxyz
nmabcdefghijklmnopqrstuvwxyz nnabcdefghijklmnopqrtuvwyz noabcdefghijklnpqrstuvwyz npabghilnosuxy nqgklmnoqty
nrabcefgiklmnprtuxz nsabcdefghiklmnopqrstuvwxyz ntdgijkmopruwxyz nuabcdefghijklmnopqrstuvwxyz nvhmo nwabcegimorwxy
nxadegiklmnoqrx nyabcdefghijklmnopqrstuvwxy nzabdikmrsuyz oaackrv obiklmortu ocahimou odaktu ofosu ogbcegou ohtu oiaen
ojbcgipsvw okabcdeghijklmnorsuvxz oladekmortu omabcgiklnopqrtuvwxy onabegijknoprstuwx oodgnrs opakmoty
oraceghimnorstuvwxyz osacinopstux otabdeiklmnoqrstuwxyz ouabeim ovd owil oybdmy ozm paabcdefghiklmnopqrsuvwxyz
pbbcefghilmnoprstuvy pcabcdefghijklmnpw pdacinotu peabdefghijklmopqrsvxyz pfael pgadgiklnsuz phadghijklmnoqrtuvw
piabcdefghjlmnoprstuvwxyz pjt pkabcghnoprstu plabcdefghiklnoqrstuvwyz pmabdefhijlmnoqrstwxyz
pnabcdeghijklmnopqrstuvwxyz pocefghiklmnopqrstvwxyz ppeiklmnopqstu pqaemw pracdefghiklmnoqrstuwxz
psacdeghilmnopqrstuwy ptahinopqrtuvwy puabcdefgijmopqrstuwxy pwabgimnorw pxm pyemnsuxy pzehn quabcdefghiklmnpqrsvwxyz
qvacehijlmnopswyz qwacehmst qxachlnopqrstuw qyap raabcdfghijklmnopqrstuvwxyz rbbklp rcf rdb reabegijlmnrsty rgaeknrsu
rhgp riabflmnrtu rjgis rkabhimtw rmabcdefghiklmnopqstuvwxyz rnbdglnprw roabcdefghlmnopruw rpnt rrimot rsbklmnw rtchmsw
rubcefghikmnopqstuyz rwaklmor rxdw rynsu rzh saabcdefghijklmnoqrstuvwxyz sbabcdefghijklmnopqrstuvwxyz
scbefghiklnopqstuvwx sdabcefghjklnopqrstuvxz seabcdefghijklmnopqrstuvwyz sfbemsw sgabcdeghijkmnprstuwxyz
shabcdeghijklmnopqrstuvwxyz siabdefghijklmnopqrstuvwxyz sjabcdegklmnoprstuw skabcdefghijmnopqrstuvwxyz
slacdefghijklmnoprstuvwxyz smabcefghijklmnopqrstuvwxyz snacdefgijklmnopqrsuvwxyz soabcdeghijklmnopqrstuvwxyz
spabcdegiklmnopqrstuvxy sqahijkmnoqrstux srabcdefghiklmnopqrstuvwxyz ssabcdefghijklmnopqrstuvwxyz
stabdefghijklmnopqrstuvwy suabcegijknoqrstvwxyz svabcekmsx swabcefghijklmnopqrstuvwxy sxbcegklmnorsuw
syabcdiklmnorswxy szabceglnpsvwy taabcdefghijklmnopqrstuvwxyz tbacdefghijklmnopqrstuvwxyz tcabcdefghiklmnopqstuwxyz
tdabcdefghijklmnoqrstvxy teabcdefghiklmnopqrstuvwxyz tfinort tgabcdefhijklnopqrstuvwxyz thadefhiklmnpqrstuvyz
tiabcfghijklmnopqrstuvwxyz tjagijlmnopsuw tkabdefglmnpqrstuvwxz tlabcdfghijklmnopqrstuvxy tmabcdefghijlmnoqrstuvwyz
tnabcdghiklmnopqrstuvwxyz tobcdfghijklmnopqrsuvwxyz tpacefgijklmnopqrtuvxyz tqblmnopqrtuw trabcdefghijklmnopqrstuvwxyz
tsabcdeghijklmnopqrstuvwxyz ttabcdefghijklmnopqrstuvwyz tuabcdefghijklmnopqrstuvwxyz tvadeiklmnostuwxy
twabcdefghilmnopqrtuwxy txabceghijmnoqrstuxy tyaehijlnprstuvxyz tzahjlmnox uamnr ubailruy udaegijlmu ues ufi ugabehnoy
uhan uigsv uji ukaghiklpqrsuvwy ulabcefiklmnuwy umabcdgimnoprsu unadegikmnruxz uon upiv urabcdefghijklmnoprtuvwxyz
usahikpsu utaehpru uumru uvehl uwa uya uzbns vaaefghijlmnoprsuvy vbbk vecdlmnopr vgrt vicdefglnstv vjk vkajklmnoptuz
vlps vmabcdefghijklmpqrsuvwxyz vnkmp volrt vraost vsilnv vto vumnt vwa waabcdefghijklmnopqrstuvwxyz
wbabefhijklmpqrstvw wcai wddgjktuy weacdghilmnoprstuw wfg wgabgiouy whagku wibcefghijklmnruvy wjai wkabdlruwy
wlaceghiklmnorsuvwxy wmabcdeghimnostwx wnbcdegikmnopuwy woabcdefgiklmnorswy wpc wrbghiklmnoprsuvwxyz wsagikrsuv
wtbfhikmw wuabdhlmnrtuvxy wwaborw wxaw wybimnry xaabcdegijklmnopqrstuvwy xbbcdegijmnoprwy xcbceghlmnortuvwy xdackmoqy
xebdglmprstu xfa xgabdfgilmnruw xhacdemortuv xibilnrsvy xjbt xkabcdefgijklnopqrstuvwxyz xlabcdeginopsuy
xmabcdefghjklmnopqrstuvwxyz xnabdghijkmnoqrstuyz xocdgikmnoprw xpabcdefghijklmnopqrstuvwxyz xqat xrabdegimnrtuw
xsabcdehijlmnopqruvy xtabcdeghijlmnopqrstuvwy xuabdgjlmnoprtu xveinos xwacdegjklortw xxbkmrt xyabjklty xzhmp
yaabcdefghijklmnopqrstuvwxyz ybabehijklmnoxy ychlnpr ydadegk yeaceijlrstuvy ygailmprsuw yhadls yiadfghijklmnpqrstuvxz
ykaghiklmnortuy ylabegilmnoruy ymbcdeghiklmnopqrsxz ynabdegklnoqsu yobgiklmnrtxy ypabghkmnopz yrabeklmnoswy
yscdglmnoprsy ytalpwy yuabcdefgijklmnpqrtwxyz yvat ywaglnqrtuw yxaglmuy yyruz yzgk zaabcdefghijklmopqrstuvwxyz
zbaceltuw zcadh zdj zeaghmn zgabhmnr zhabdinowx ziabklmnwz zkadghknoprtuvz zlaejmnqsuw zmabcdefghijklmnopqrstuvwxyz
znadegks zochmoqrs zpabcdefghijklmnopqrstuvwxyz zqe zragnops zsaklmru zteglmnpqstuxy zuhlmny zwa zxx zybgjnp zzaj
"""
"""The codes of ISO 639-2, 639-3 and 639-5: two letters, and all that may stand third."""

TWO_LETTERS, NAMES = _TWO_LETTERS.split(), _NAMES.split()
THREE_LETTERS = [word[:2] + third for word in _BY_BEGINNING.split() for third in word[2:]]

KNOWN = {*TWO_LETTERS, *THREE_LETTERS, *NAMES, *(name for names in CODES.values() for name in names.split())}


def check_language(name: str) -> None:
    """Refuse what names no language, by whose words texts could be split.

    Args:
        name: a code of ISO 639, which a script or a country may follow, or an English name.

    Raises:
        LangueError: it is none; names those that are like it.
    """
    code = language_of(name) or ""
    if code in KNOWN:
        return
    alike = {2: TWO_LETTERS, 3: THREE_LETTERS}.get(len(code), NAMES)
    nearest = difflib.get_close_matches(code, alike, n=3, cutoff=0.0)
    raise LangueError(
        f"{name!r} is the code of no language (ISO 639), such as en, zh or deu; the nearest are {', '.join(nearest)}"
    )
