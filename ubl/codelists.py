"""Code lists: what may stand where a code is asked for, as far as we write codes ourselves.

A document that is read may hold any code: judging them is the business of the rules.
The lists are those of Peppol BIS Billing 3.0.21; of long ones only what is common is here.  [BIS3]
"""

from typing import Final

__all__ = [
    "ALLOWANCE_REASONS",
    "CHARGE_REASONS",
    "CLASSIFICATIONS",
    "COUNTRIES",
    "CURRENCIES",
    "ENDPOINT_SCHEMES",
    "MEDIA_TYPES",
    "UNITS",
]


def _codes(text: str) -> frozenset[str]:
    return frozenset(text.split())


CURRENCIES: Final = _codes("""
    AED AFN ALL AMD AOA ARS AUD AWG AZN BAM BBD BDT BHD BIF BMD BND BOB BOV BRL BSD BTN BWP BYN
    BZD CAD CDF CHE CHF CHW CLF CLP CNH CNY COP COU CRC CUP CVE CZK DJF DKK DOP DZD EGP ERN ETB
    EUR FJD FKP GBP GEL GHS GIP GMD GNF GTQ GYD HKD HNL HTG HUF IDR ILS INR IQD IRR ISK JMD JOD
    JPY KES KGS KHR KMF KPW KRW KWD KYD KZT LAK LBP LKR LRD LSL LYD MAD MDL MGA MKD MMK MNT MOP
    MRU MUR MVR MWK MXN MXV MYR MZN NAD NGN NIO NOK NPR NZD OMR PAB PEN PGK PHP PKR PLN PYG QAR
    RON RSD RUB RWF SAR SBD SCR SDG SEK SGD SHP SLE SOS SRD SSP SVC SYP SZL THB TJS TMT TND TOP
    TRY TTD TWD TZS UAH UGX USD USN UYI UYU UYW UZS VED VES VND VUV WST XAF XAG XAU XBA XBB XBC
    XBD XCD XCG XDR XOF XPD XPF XPT XSU XTS XUA XXX YER ZAR ZMW ZWG
""")
"""ISO 4217."""
COUNTRIES: Final = _codes("""
    1A AD AE AF AG AI AL AM AO AQ AR AS AT AU AW AX AZ BA BB BD BE BF BG BH BI BJ BL BM BN BO BQ
    BR BS BT BV BW BY BZ CA CC CD CF CG CH CI CK CL CM CN CO CR CU CV CW CX CY CZ DE DJ DK DM DO
    DZ EC EE EG EH ER ES ET FI FJ FK FM FO FR GA GB GD GE GF GG GH GI GL GM GN GP GQ GR GS GT GU
    GW GY HK HM HN HR HT HU ID IE IL IM IN IO IQ IR IS IT JE JM JO JP KE KG KH KI KM KN KP KR KW
    KY KZ LA LB LC LI LK LR LS LT LU LV LY MA MC MD ME MF MG MH MK ML MM MN MO MP MQ MR MS MT MU
    MV MW MX MY MZ NA NC NE NF NG NI NL NO NP NR NU NZ OM PA PE PF PG PH PK PL PM PN PR PS PT PW
    PY QA RE RO RS RU RW SA SB SC SD SE SG SH SI SJ SK SL SM SN SO SR SS ST SV SX SY SZ TC TD TF
    TG TH TJ TK TL TM TN TO TR TT TV TW TZ UA UG UM US UY UZ VA VC VE VG VI VN VU WF WS XI YE YT
    ZA ZM ZW
""")
"""ISO 3166-1, with Kosovo (1A) and Northern Ireland (XI)."""
ENDPOINT_SCHEMES: Final = _codes("""
    0002 0007 0009 0060 0088 0096 0097 0106 0130 0135 0142 0151 0183 0184 0188 0190 0191 0192
    0195 0196 0198 0199 0200 0201 0204 0208 0209 0210 0211 0216 0218 0221 0225 0230 0235 0240
    0242 0244 0245 0246 0248 9910 9913 9914 9915 9918 9919 9920 9922 9923 9924 9925 9926 9927
    9928 9929 9930 9931 9932 9933 9934 9935 9936 9937 9938 9939 9940 9941 9942 9943 9944 9945
    9946 9947 9948 9949 9950 9951 9952 9953 9957 9959
""")
"""EAS: the schemes of Peppol participants; those that start with 0 are of ISO 6523, too."""
UNITS: Final = _codes("""
    2P 4L ACT AD AMP ANN BAR C62 CEL CEN CLT CMK CMQ CMT DAY DLT DMQ DZN E34 E35 E48 E49 EA FOT
    FTK GJ GLI GRM GRO GWH H87 HLT HTZ HUR IE INH JOU KGM KJO KMH KMT KNI KWH KWT LBR LH LM LS
    LTR MGM MIL MIN MLT MMK MMT MON MTK MTQ MTR MTS MWH NAR NMP ONZ P1 PAL PR QAN RM SEC SET SMI
    TNE TP VLT WEE WHR WTT XBG XBL XBO XBX XCN XCR XCT XCX XDR XJR XKG XLT XNT XPA XPK XPP XPX
    XRO XSA XTU XUN YRD
""")
"""The usual units of UN/ECE Recommendation 20 and packages of Recommendation 21 (with X)."""
ALLOWANCE_REASONS: Final = _codes("""
    100 102 103 104 105 41 42 60 62 63 64 65 66 67 68 70 71 88 95
""")
"""UNTDID 5189."""
CHARGE_REASONS: Final = _codes("""
    AA ABK ABL ADR ADT CAI DL FC FI HD IS LA PC SH TV ZZZ
""")
"""The usual codes of UNTDID 7161, such as FC (freight) and PC (packing)."""
CLASSIFICATIONS: Final = _codes("""
    HS SRV STI TST
""")
"""The usual lists of UNTDID 7143: customs tariff, CPV, UNSPSC, GTIN."""
MEDIA_TYPES: Final = {
    "application/pdf": "PDF",
    "image/png": "PNG",
    "image/jpeg": "JPEG",
    "text/csv": "CSV",
    "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet": "Excel (.xlsx)",
    "application/vnd.oasis.opendocument.spreadsheet": "OpenDocument spreadsheet (.ods)",
}
"""The types of files that may be attached, and what people call them."""
